/** A bar on a terminal, a line for each fifth of the work elsewhere. */
export class Progress {
  readonly #total: number
  readonly #width = 40
  #shown = -1

  constructor(total: number) {
    this.#total = total
  }

  show(done: number): void {
    const share = done / this.#total
    const step = process.stdout.isTTY ? Math.floor(share * 200) : Math.floor(share * 5)
    if (step === this.#shown) return
    this.#shown = step
    const full = Math.round(share * this.#width)
    const bar = '█'.repeat(full) + '░'.repeat(this.#width - full)
    const line = `${bar} ${done} of ${this.#total} calls`
    process.stdout.write(process.stdout.isTTY ? `\r${line} ` : `${line}\n`)
  }

  /** Prints something without tearing the bar. */
  print(text: string): void {
    process.stdout.write(`${process.stdout.isTTY ? '\r\x1b[K' : ''}${text}\n`)
    this.#shown = -1
  }
}
