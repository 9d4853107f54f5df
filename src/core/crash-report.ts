import { PythonError } from './errors.ts'
import type { CrashReport } from './events.ts'
import { type ExitReason, formatExitReason } from './exit-reason.ts'

/** How far down causes are followed: an error may be its own cause. */
const MAX_CAUSES = 8

/** What is known of where an error came from: its stack with those of its causes, and Python's traceback. */
export function originOf(reason: ExitReason): Pick<CrashReport, 'stack' | 'traceback'> {
  if (typeof reason !== 'object') return { stack: undefined, traceback: undefined }
  const stacks: string[] = []
  let traceback: string | undefined
  let error: unknown = reason.error
  for (let depth = 0; error instanceof Error && depth < MAX_CAUSES; depth++) {
    stacks.push(typeof error.stack === 'string' ? error.stack : `${error.name}: ${error.message}`)
    if (error instanceof PythonError) traceback ??= error.traceback
    error = error.cause
  }
  return { stack: stacks.length === 0 ? undefined : stacks.join('\ncaused by: '), traceback }
}

/**
 * A crash report as text that a person can read: one line that says what happened and what happens next, and the stack
 * below it.
 *
 *     child "prices" of supervisor "feeds" ended with error: no connection; it is restarted at once, with "alerts" (restart 2 of 3 within 5 s)
 *         Error: no connection
 *             at …
 */
export function formatCrashReport(report: CrashReport): string {
  const line = `child "${report.id}" of supervisor "${report.supervisor}" ${whatHappened(report)}; ${whatNext(report)}`
  if (report.stack === undefined) return line
  return `${line}\n${report.stack.replace(/^/gm, '    ')}`
}

function whatHappened({ context, reason }: CrashReport): string {
  const why = formatExitReason(reason)
  if (context === 'start_error') return `could not be restarted: ${why.replace(/^error: /, '')}`
  if (context === 'shutdown_error') return `did not stop as it was told to: ${why}`
  if (reason === 'normal') return 'ended by itself'
  return reason === 'killed' ? 'was killed' : `ended with ${why}`
}

function whatNext(report: CrashReport): string {
  const { context, next, restarts, maxRestarts, maxSeconds, delay, siblings, restartType } = report
  if (next === 'nothing') {
    return context === 'shutdown_error' ? 'nothing is done about it' : `it is ${restartType} and stays down`
  }
  if (next === 'give_up') {
    const limit = maxRestarts === 1 ? '1 restart is' : `${maxRestarts} restarts are`
    return `the supervisor gives up (${limit} allowed within ${maxSeconds} s)`
  }
  const when = delay > 0 ? `in ${Math.round(delay)} ms` : 'at once'
  const others = siblings.length === 0 ? '' : `, with ${siblings.map((id) => `"${id}"`).join(', ')}`
  const count =
    maxRestarts === Infinity ? '' : ` (restart ${restarts} of ${maxRestarts} within ${maxSeconds} s)`
  return `it is restarted ${when}${others}${count}`
}
