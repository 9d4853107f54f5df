import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, platform, release } from 'node:os'
import type { Metric } from './rows.ts'

/** One figure of one column. `value` and `ratio` are missing where the column failed or the floor has no such figure. */
export interface Cell {
  readonly column: string
  readonly value?: number
  /** The value divided by the floor's of the same run. */
  readonly ratio?: number
  readonly samples?: readonly number[]
  readonly failed?: string
}

export interface ResultRow extends Metric {
  readonly id: string
  readonly cells: readonly Cell[]
}

/** The one format of results. */
export interface Results {
  readonly at: string
  readonly quick: boolean
  readonly machine: {
    readonly cpu: string
    readonly parallelism: number
    readonly system: string
    readonly node: string
    readonly python: string
    readonly load: number
  }
  readonly rows: readonly ResultRow[]
}

export function machine(python: string): Results['machine'] {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    parallelism: availableParallelism(),
    system: `${platform()} ${release()}`,
    node: process.versions.node,
    python,
    load: loadavg()[0]!,
  }
}

/** The table: a line for each figure, a column for each contestant, the ratio to the floor in brackets. */
export function table(results: Results, columns: readonly string[]): string {
  const lines = [['', ...columns, 'goal']]
  for (const row of results.rows) {
    const cells = columns.map((column) => row.cells.find((cell) => cell.column === column))
    lines.push([`${row.title}, ${row.unit}`, ...cells.map(cellText), row.goal ?? ''])
  }
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)))
  const text = lines.map((line) =>
    line
      .map((cell, i) =>
        i === 0 || i === line.length - 1 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!),
      )
      .join('  ')
      .trimEnd(),
  )
  const { cpu, parallelism, system, node, python, load } = results.machine
  const about = `${parallelism} × ${cpu}, ${system}, Node ${node}, Python ${python}, load ${load.toFixed(1)}`
  return [about, '(in brackets: × the floor of this run)', '', ...text].join('\n')
}

function cellText(cell: Cell | undefined): string {
  if (!cell) return '–'
  if (cell.failed !== undefined) return 'fails'
  if (cell.value === undefined) return '–'
  return cell.ratio === undefined ? figure(cell.value) : `${figure(cell.value)} (${cell.ratio.toFixed(2)})`
}

function figure(value: number): string {
  if (Math.abs(value) >= 10_000) return `${Math.round(value / 1000)}k`
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(value < 10 ? 2 : 1)
}

/** Writes the results as JSON, under their time and as the latest. Gives the path of the former. */
export function save(results: Results): string {
  const folder = new URL('./results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  const text = `${JSON.stringify(results, null, 2)}\n`
  const named = new URL(`${results.at.replaceAll(':', '-')}.json`, folder)
  writeFileSync(named, text)
  writeFileSync(new URL('latest.json', folder), text)
  return named.pathname
}
