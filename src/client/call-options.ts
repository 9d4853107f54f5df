import type { CallOptions } from '../actors/pool/call-options.ts'

/** {@link CallOptions}, and which pool. */
export interface ClientCallOptions extends CallOptions {
  /** The pool that runs the call. Default: what is registered for the function, else `default`. */
  readonly pool?: string
}
