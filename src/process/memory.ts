import { readFileSync } from 'node:fs'

/** A page of memory on the systems that have `/proc`, for the interpreters that run there. */
const PAGE_BYTES = 4096

/**
 * The memory that a process holds right now (its resident set), in bytes, as the system counts it. Undefined where the system does not tell
 * it cheaply: only Linux does, or when the process is gone. Costs about 20 µs.
 */
export function residentBytes(pid: number): number | undefined {
  try {
    const [, pages] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')
    return Number(pages) * PAGE_BYTES
  } catch {
    return undefined
  }
}
