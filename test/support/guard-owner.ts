/**
 * A program that owns groups of sleepers, tells their pids as a line of JSON, and then ends as its argument says:
 * `wait` (for a signal), `exit`, `throw`, `reject`, `drain` (nothing left to do), `sigkill` (right after an `own`),
 * or `forget` (by SIGKILL, after it released the groups but kept the guard from killing them).
 */
import { createGuard } from '../../src/process/guard.ts'
import { type Sleeper, startSleeper } from './processes.ts'

const [how = 'wait', groups = '2'] = process.argv.slice(2)
const guard = createGuard()
const sleepers: Sleeper[] = []

for (let i = 0; i < Number(groups); i++) {
  sleepers.push(await startSleeper(how === 'sigkill' ? undefined : (group) => guard.own(group)))
}
if (how !== 'sigkill') tell()
// Where Node ends by itself, it must need no help.
if (['exit', 'throw', 'reject', 'drain'].includes(how)) process.kill(guard.watchdogPid!, 'SIGKILL')

switch (how) {
  case 'wait':
    setInterval(tell, 20)
    break
  case 'exit':
    process.exit(3)
    break
  case 'throw':
    setImmediate(() => {
      throw new Error('on purpose')
    })
    break
  case 'reject':
    void Promise.reject(new Error('on purpose'))
    break
  case 'sigkill':
    tell()
    for (const { group } of sleepers) guard.own(group)
    process.kill(process.pid, 'SIGKILL')
    break
  case 'forget': {
    const { kill } = process
    process.kill = () => true
    for (const { group } of sleepers) guard.release(group)
    kill(process.pid, 'SIGKILL')
  }
}

function tell(): void {
  const pids = sleepers.flatMap((sleeper) => sleeper.pids)
  process.stdout.write(`${JSON.stringify({ pids, watchdog: guard.watchdogPid ?? null })}\n`)
}
