import { setTimeout as sleep } from 'node:timers/promises'

/** What came of requests, by status; 0 for those without an answer. */
export type Outcomes = Map<number, number>

/** Requests to one server, and what came of them. */
export class Load {
  readonly outcomes: Outcomes = new Map()
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** Makes a request and reads its answer. Gives the status; 0 when there was no answer. */
  async get(path: string, signal?: AbortSignal): Promise<number> {
    let status = 0
    try {
      const response = await fetch(`${this.#url}${path}`, signal === undefined ? {} : { signal })
      await response.arrayBuffer()
      status = response.status
    } catch {}
    this.outcomes.set(status, (this.outcomes.get(status) ?? 0) + 1)
    return status
  }

  /** What the server says of itself. Not counted. */
  async ask<T>(path: string): Promise<T> {
    return (await (await fetch(`${this.#url}${path}`)).json()) as T
  }

  /** So many clients that ask one time after the other, until the time is over. Gives what each answer took. */
  async clients(count: number, milliseconds: number, path: string): Promise<number[]> {
    const end = performance.now() + milliseconds
    const took: number[] = []
    const client = async () => {
      while (performance.now() < end) {
        const begun = performance.now()
        if ((await this.get(path)) === 200) took.push(performance.now() - begun)
      }
    }
    await Promise.all(Array.from({ length: count }, client))
    return took.sort((a, b) => a - b)
  }

  /** Asks until the server says what is expected; false when it has not for five seconds. */
  async until<T>(path: string, expected: (answer: T) => boolean): Promise<boolean> {
    const end = performance.now() + 5_000
    while (!expected(await this.ask<T>(path))) {
      if (performance.now() > end) return false
      await sleep(10)
    }
    return true
  }
}

/** A percentile of sorted values. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
