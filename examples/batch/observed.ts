import type { Tree } from '../../src/index.ts' // in a project of your own: from 'otpy'

/** What the events of a tree say of two kinds of calls: those of `urgent` functions, and all others. */
export class Observed {
  /** Milliseconds that calls have waited for their start. */
  readonly waited = { urgent: [] as number[], others: [] as number[] }
  /** Urgent calls that found all workers busy. */
  queued = 0
  /** Others that were started while an urgent call waited: none, if priorities mean anything. */
  overtaken = 0
  /** Runs that were lost with their process, and made again. */
  retried = 0
  /** Processes that ended by themselves. */
  exited = 0

  constructor(tree: Tree, urgent: string) {
    const waiting = new Set<number>()
    tree.on('call.queued', ({ fn, call }) => {
      if (fn !== urgent) return
      waiting.add(call)
      this.queued++
    })
    tree.on('call.started', ({ fn, call }) => {
      if (fn === urgent) waiting.delete(call)
      else if (waiting.size > 0) this.overtaken++
    })
    tree.on('call.settled', ({ fn, call, waited }) => {
      waiting.delete(call)
      this.waited[fn === urgent ? 'urgent' : 'others'].push(waited)
    })
    tree.on('call.retried', () => this.retried++)
    tree.on('worker.exited', () => this.exited++)
  }
}
