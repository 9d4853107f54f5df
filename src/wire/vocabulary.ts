/** A name of the vocabulary on the decoder's stack: not a function, and with nothing in it that a pickle could reach. */
export class Vocabulary {
  readonly name: string

  constructor(name: string) {
    this.name = name
    Object.freeze(this)
  }
}
