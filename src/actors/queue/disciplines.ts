import { ByPriority } from './by-priority.ts'
import { FairTurns } from './fair-turns.ts'
import { FirstCome } from './first-come.ts'
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

/** Makes a queue. */
export function queueOf<T extends Waiter>(choice: QueueChoice): WaitQueue<T> {
  // One's own queue gives out what was put in, and looks at no more than it is told.
  return typeof choice === 'function' ? (choice() as unknown as WaitQueue<T>) : disciplines[choice]<T>()
}
