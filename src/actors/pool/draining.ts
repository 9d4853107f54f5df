import { PoolStoppedError } from '../../core/errors.ts'

/** The refusal of a pool that is drained, which its `resume` takes back. */
export class Draining extends PoolStoppedError {
  constructor(pool: string) {
    super(pool, { message: `pool "${pool}" is draining and takes no calls` })
  }
}
