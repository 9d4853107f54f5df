/**
 * `npm run bench`: the floor, the project and its peers, measured side by side in one run.
 *
 *   npm run bench -- --only small,flight    some rows
 *   npm run bench -- --columns floor,otpy   columns whose name begins so
 *   npm run bench -- --quick                fewer and shorter rounds: to see that it works, not how fast it is
 */
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import type { Contender, Contestant, Setting } from './contender.ts'
import { otpyOne, otpyTwo } from './contenders/otpy.ts'
import { piscina } from './contenders/piscina.ts'
import { pythonShell } from './contenders/python-shell.ts'
import { pythonia } from './contenders/pythonia.ts'
import { floor } from './floor.ts'
import { interleave, median, type Outcome, type Probe } from './measure.ts'
import { installPeers } from './peer.ts'
import { type Cell, machine, type ResultRow, save, table } from './results.ts'
import { type Row, rows } from './rows.ts'

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    columns: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})
const quick = flags.quick
const only = flags.only?.split(',')
const starts = flags.columns?.split(',')
const unknown = only?.filter((id) => !rows.some((row) => row.id === id)) ?? []
if (unknown.length > 0) {
  console.error(`no such row: ${unknown.join(', ')} (there are ${rows.map((row) => row.id).join(', ')})`)
  process.exit(2)
}

const everyone = [floor, otpyOne, otpyTwo, pythonShell, pythonia, piscina]
const contestants = everyone.filter(({ name }) => !starts || starts.some((start) => name.startsWith(start)))

const [python, version] = execFileSync(
  'python3',
  ['-c', 'import sys, platform; print(sys.executable); print(platform.python_version())'],
  { encoding: 'utf8' },
).split('\n') as [string, string]
const setting: Setting = { python }

installPeers()
const opened = new Map<string, Contender>()
const broken = new Map<string, string>()
const measured: ResultRow[] = []
for (const row of rows) if (!only || only.includes(row.id)) measured.push(...(await measureRow(row)))

const results = { at: new Date().toISOString(), quick, machine: machine(version), rows: measured }
console.log(
  `\n${table(
    results,
    contestants.map(({ name }) => name),
  )}\n`,
)
for (const row of measured) {
  for (const { column, failed } of row.cells)
    if (failed) console.log(`${row.title}: ${column} fails: ${failed}`)
}
console.log(`saved as ${save(results)}`)
for (const contender of opened.values()) await contender.close()
process.exit()

async function measureRow(row: Row): Promise<ResultRow[]> {
  process.stderr.write(`measuring ${row.metrics[0]!.title} …\n`)
  const probes: Probe[] = []
  const outcomes = new Map<string, Outcome>()
  for (const contestant of contestants) {
    const measure = await prepare(row, contestant)
    if (typeof measure === 'string') outcomes.set(contestant.name, { failed: measure })
    else if (measure) probes.push({ column: contestant.name, measure })
  }
  const rounds = quick ? Math.min(2, row.rounds) : row.rounds
  for (const [column, outcome] of await interleave(probes, rounds)) outcomes.set(column, outcome)
  return row.metrics.map((metric, i) => {
    const base = figureOf(outcomes.get(floor.name), i)
    const cells = [...outcomes].map(([column, outcome]): Cell => {
      if ('failed' in outcome) return { column, failed: outcome.failed }
      const value = figureOf(outcome, i)!
      const ratio = base !== undefined ? { ratio: value / base } : {}
      return { column, value, ...ratio, samples: outcome.samples[i]! }
    })
    return { id: row.id, ...metric, cells }
  })
}

/** What measures this row for this contestant: a function, nothing when it has no such figure, or why it cannot. */
async function prepare(
  row: Row,
  contestant: Contestant,
): Promise<(() => Promise<readonly number[]>) | string | undefined> {
  if (row.fresh) return row.fresh(contestant, setting)
  if (row.alone) return contestant === otpyOne ? row.alone(setting, quick) : undefined
  if (broken.has(contestant.name)) return broken.get(contestant.name)
  try {
    const contender = opened.get(contestant.name) ?? (await contestant.open(setting))
    opened.set(contestant.name, contender)
    return () => row.withOpen!(contender, quick)
  } catch (error) {
    broken.set(contestant.name, error instanceof Error ? error.message : String(error))
    return broken.get(contestant.name)
  }
}

function figureOf(outcome: Outcome | undefined, metric: number): number | undefined {
  return outcome && 'samples' in outcome ? median(outcome.samples[metric]!) : undefined
}
