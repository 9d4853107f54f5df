/** Some things of which there is mostly one: it is kept bare, and a set only when there are more. */
export type Bag<T extends object> = T | Set<T>

/** The bag with one more in it, the last one. */
export function withItem<T extends object>(bag: Bag<T> | undefined, item: T): Bag<T> {
  if (bag === undefined) return item
  if (!(bag instanceof Set)) return new Set([bag, item])
  return bag.add(item)
}

/** The bag without it; undefined when nothing is left. */
export function withoutItem<T extends object>(bag: Bag<T> | undefined, item: T): Bag<T> | undefined {
  if (!(bag instanceof Set)) return bag === item ? undefined : bag
  bag.delete(item)
  return bag.size === 0 ? undefined : bag
}

export function holds<T extends object>(bag: Bag<T> | undefined, item: T): boolean {
  return bag instanceof Set ? bag.has(item) : bag === item
}

/** What is in it, in the order in which it came; the list stays as it is when the bag changes. */
export function itemsIn<T extends object>(bag: Bag<T> | undefined): T[] {
  if (bag === undefined) return []
  return bag instanceof Set ? [...bag] : [bag]
}

export function sizeOf<T extends object>(bag: Bag<T> | undefined): number {
  if (bag === undefined) return 0
  return bag instanceof Set ? bag.size : 1
}
