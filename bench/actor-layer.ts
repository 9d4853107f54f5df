/**
 * Microseconds that a call costs in the actors alone: pool and worker with a faked connection, so that no process and
 * no codec takes part. Undefined while there is no such connection.
 */
export const actorLayer: ((calls: number) => Promise<number>) | undefined = undefined
