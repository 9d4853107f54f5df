/** How a pool gets workers without knowing who starts them. */
export interface Starter {
  /** Starts the worker of this slot, 1 and up. It tells the pool when it is ready. */
  start(slot: number): void
}
