import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/**
 * At SIGINT or SIGTERM: stops, then lets the process end as the signal would have ended it. A second signal does not
 * wait any longer.
 *
 * @param stop ends what runs; its promise is waited for
 * @param kill ends what is left, at once
 * @returns a function that leaves the signals to whoever had them before
 */
export function stopAtSignals(stop: () => Promise<void>, kill: () => void): () => void {
  let stopping = false
  const release = (): void => {
    for (const signal of SIGNALS) process.off(signal, handle)
  }
  const end = (signal: NodeJS.Signals): void => {
    release()
    // Others may listen as well, and then the signal alone would not end the process.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
    else process.exit(128 + constants.signals[signal])
  }
  const handle = (signal: NodeJS.Signals): void => {
    if (stopping) {
      kill()
      end(signal)
      return
    }
    stopping = true
    stop().then(
      () => end(signal),
      () => end(signal),
    )
  }
  for (const signal of SIGNALS) process.on(signal, handle)
  return () => {
    // After the first signal the handlers stay until the end, for the second one.
    if (!stopping) release()
  }
}
