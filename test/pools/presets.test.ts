import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { presets } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { rejection, startPool } from '../support/python.ts'

describe('a preset', () => {
  it('for io has many calls wait in few processes', async () => {
    const { pool } = await startPool({ ...presets.io, size: 1 })
    const calls = Array.from({ length: presets.io.concurrency }, () => pool.call('work', 'meet', [16]))
    expect(new Set(await Promise.all(calls)).size).toBe(1)
    expect(pool.stats()).toMatchObject({ size: 1, completed: 16 })
  })

  it('for io starts nothing before it is needed', async () => {
    const { pool } = await startPool({ ...presets.io, size: 2 })
    expect(pool.stats()).toMatchObject({ idle: 0, starting: 0 })
    expect(await pool.call('work', 'echo', [1])).toBe(1)
  })

  it('for critical work is at full strength from the start, and runs nothing twice', async () => {
    const { pool } = await startPool({ ...presets.critical, size: 2 })
    expect(pool.stats()).toMatchObject({ size: 2, idle: 2 })
    const again = rejection(pool.call('work', 'echo', [1], { idempotent: true, retry: { attempts: 2 } }))
    expect(await again).toMatchObject({ code: 'invalid_option', option: 'retry' })
    await rejection(pool.call('work', 'exit_now', [1], { idempotent: true }))
    await eventually(() => pool.stats().idle === 2)
    expect(pool.stats()).toMatchObject({ retried: 0, restarts: 1 })
  })

  it('for the processor has a worker for each core', () => {
    expect(presets.cpu).toMatchObject({ size: availableParallelism(), concurrency: 1, maxOverflow: 0 })
  })

  it('can be changed for nobody else', () => {
    for (const preset of Object.values(presets)) expect(Object.isFrozen(preset)).toBe(true)
  })
})
