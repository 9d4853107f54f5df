/** How a pool gets workers and lets them go, without knowing who starts them. */
export interface Starter {
  /** Starts the worker of this slot, 1 and up. It tells the pool when it is ready. */
  start(slot: number): void
  /** Stops the worker of this slot, for good. */
  stop(slot: number): void
}
