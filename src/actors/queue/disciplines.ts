import { OptionError } from '../../core/errors.ts'
import { ByPriority } from './by-priority.ts'
import { FairTurns } from './fair-turns.ts'
import { FirstCome } from './first-come.ts'
import { OwnQueue } from './own-queue.ts'
import type { Waiter, WaitQueue } from './wait-queue.ts'

/** The queues that are built in. */
export type QueueDiscipline = 'priority' | 'fifo' | 'fair'

/** A built-in queue by its name, or a function that makes one's own. */
export type QueueChoice = QueueDiscipline | (() => WaitQueue)

/**
 * - `priority`: the highest priority first, within one priority in the order in which they came
 * - `fifo`: in the order in which they came, whatever their priority
 * - `fair`: the highest priority first, within one priority each session in turn
 */
const disciplines: Readonly<Record<QueueDiscipline, <T extends Waiter>() => WaitQueue<T>>> = {
  priority: () => new ByPriority(() => new FirstCome()),
  fifo: () => new FirstCome(),
  fair: () => new ByPriority(() => new FairTurns()),
}

const methods = ['push', 'restore', 'peek', 'shift', 'remove', 'drop'] as const

/** Makes a queue. Throws `OptionError` when a function gives something else. */
export function queueOf<T extends Waiter>(choice: QueueChoice): WaitQueue<T> {
  if (typeof choice !== 'function') return disciplines[choice]<T>()
  const own: Partial<Record<string, unknown>> | undefined | null = choice() as object | undefined | null
  if (!methods.every((method) => typeof own?.[method] === 'function')) {
    throw new OptionError('queue', `a function that gives a queue (with ${methods.join(', ')})`, choice)
  }
  return new OwnQueue<T>(own as unknown as WaitQueue<T>, disciplines.priority<T>)
}
