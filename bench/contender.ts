import { performance } from 'node:perf_hooks'

/** Something that carries a value to another process or thread, and brings it back. */
export interface Contender {
  /** A small call: a short string there and back. */
  echo(value: string): Promise<unknown>
  bytes(data: Uint8Array): Promise<Uint8Array>
  floats(list: number[]): Promise<ArrayLike<number>>
  float64(data: Float64Array): Promise<Float64Array>
  close(): Promise<void>
}

/** What a contestant needs to know to start. */
export interface Setting {
  /** The real interpreter, never a version manager's shim. */
  readonly python: string
}

/** One column of the table. What is left out is not measured. */
export interface Contestant {
  readonly name: string
  open(setting: Setting): Promise<Contender>
  /** Milliseconds from nothing to the first answer, where {@link open} does not show it. */
  start?(setting: Setting): Promise<number>
  /** Milliseconds until eight workers are ready. */
  eightReady?(setting: Setting): Promise<number>
}

/** Milliseconds from nothing to the answer to the first call. */
export async function startToFirstCall(contestant: Contestant, setting: Setting): Promise<number> {
  if (contestant.start) return contestant.start(setting)
  const from = performance.now()
  const contender = await contestant.open(setting)
  await contender.echo('first')
  const took = performance.now() - from
  await contender.close()
  return took
}
