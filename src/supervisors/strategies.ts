/** Which siblings of a failed child are restarted with it: none, all, or those started after it. */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one'

/** When a supervisor ends because significant children did: never, with the first, or with the last. */
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant'

/** The children that a failure concerns, the failed one included, in start order. */
export function concernedBy<Child>(
  strategy: Strategy,
  inStartOrder: readonly Child[],
  failed: Child,
): Child[] {
  if (strategy === 'one_for_one') return [failed]
  if (strategy === 'one_for_all') return [...inStartOrder]
  const from = inStartOrder.indexOf(failed)
  return from < 0 ? [failed] : inStartOrder.slice(from)
}
