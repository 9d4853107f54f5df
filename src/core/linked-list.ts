/** One entry of a {@link LinkedList}; who holds it can remove it at no cost. */
export interface LinkedNode<T> {
  readonly value: T
  previous: LinkedNode<T> | undefined
  next: LinkedNode<T> | undefined
  list: LinkedList<T> | undefined
}

/** A doubly linked list: enters, leaves and is cut anywhere in O(1). For what must leave from the middle. */
export class LinkedList<T> {
  #first: LinkedNode<T> | undefined
  #last: LinkedNode<T> | undefined
  #length = 0

  get length(): number {
    return this.#length
  }

  get first(): LinkedNode<T> | undefined {
    return this.#first
  }

  get last(): LinkedNode<T> | undefined {
    return this.#last
  }

  push(value: T): LinkedNode<T> {
    const node: LinkedNode<T> = { value, previous: undefined, next: undefined, list: undefined }
    this.insertBefore(undefined, node)
    return node
  }

  /** Puts an entry in that is in no list: before `next`; at the end without one. What is its own entry costs no memory beside it. */
  insertBefore(next: LinkedNode<T> | undefined, node: LinkedNode<T>): void {
    const previous = next === undefined ? this.#last : next.previous
    node.previous = previous
    node.next = next
    node.list = this
    if (previous === undefined) this.#first = node
    else previous.next = node
    if (next === undefined) this.#last = node
    else next.previous = node
    this.#length++
  }

  /** Nothing happens when it has left already. */
  remove(node: LinkedNode<T>): void {
    if (node.list !== this) return
    const { previous, next } = node
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    node.list = node.previous = node.next = undefined
    this.#length--
  }

  shift(): T | undefined {
    const node = this.#first
    if (node === undefined) return undefined
    this.remove(node)
    return node.value
  }
}
