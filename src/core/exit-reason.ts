/**
 * Why an actor ended. One type decides restarts everywhere.
 *
 * - `normal`: it was done
 * - `shutdown`: it was told to stop, and did
 * - `killed`: it was told to stop and had to be made to
 * - `noproc`: there was no such actor when somebody asked
 * - `{ error }`: it failed
 */
export type ExitReason = 'normal' | 'shutdown' | 'killed' | 'noproc' | { readonly error: unknown }

/**
 * What an actor gives as its output to end with a reason of its own choice: a supervisor that gives up ends with
 * `shutdown`, not with `normal`.
 */
export class Exit {
  readonly reason: ExitReason

  constructor(reason: ExitReason) {
    this.reason = reason
  }
}

/** Whether a `transient` child would be restarted after this: OTP's "abnormal". */
export function isAbnormal(reason: ExitReason): boolean {
  return reason !== 'normal' && reason !== 'shutdown'
}

/** One line that a person can read: `normal`, `error: ValueError: …`. */
export function formatExitReason(reason: ExitReason): string {
  if (typeof reason === 'string') return reason
  const { error } = reason
  return error instanceof Error ? `error: ${error.message.split('\n', 1)[0]}` : `error: ${String(error)}`
}
