import { setTimeout as delay } from 'node:timers/promises'

type Falsy = false | 0 | '' | null | undefined

/**
 * Waits until a condition holds, asking again every few milliseconds; fails when it does not within `timeout` milliseconds.
 *
 * @returns what the condition gave when it held
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  timeout = 5_000,
  what: string | (() => string) = String(condition),
): Promise<Exclude<T, Falsy>> {
  const end = performance.now() + timeout
  for (;;) {
    const held = await condition()
    if (held) return held as Exclude<T, Falsy>
    if (performance.now() > end) {
      throw new Error(`not within ${timeout} ms: ${typeof what === 'string' ? what : what()}`)
    }
    await delay(5)
  }
}
