/** What Python's `statistics` returns. */
export interface Statistics {
  readonly words: number
  readonly sentences: number
  readonly vocabulary: number
  /** The share of different words in a stretch of 500. */
  readonly richness: number
  /** Flesch's reading ease: the higher the easier. */
  readonly readability: number
  readonly common: readonly string[]
}

/** What Python's `compare` returns. */
export interface Compared {
  /** From 0, no telling word in common, to 1. */
  readonly likeness: number
  /** The longest passage that both have. */
  readonly passage: string
}

type Document = Statistics & { readonly name: string }
type Pair = Compared & { readonly one: string; readonly other: string }

/** Prints what was found. */
export function report(documents: readonly Document[], pairs: readonly Pair[]): void {
  const words = documents.reduce((sum, document) => sum + document.words, 0)
  console.log(`\n${documents.length} documents, ${words} words\n`)
  const both = (pair: Pair) => `${pair.one} and ${pair.other}`
  const length = ({ passage }: Pair) => passage.split(' ').length
  top('Most alike', pairs, (pair) => pair.likeness, both)
  top(
    'Longest passage in common, in words',
    pairs,
    length,
    (pair) => `${both(pair)}: “${short(pair.passage)}”`,
  )
  top('Easiest to read', documents, (document) => document.readability, about)
  top(
    'Hardest to read',
    documents,
    (document) => -document.readability,
    about,
    (value) => -value,
  )
  top('Richest vocabulary', documents, (document) => document.richness, about)
}

function top<T>(
  title: string,
  items: readonly T[],
  rank: (item: T) => number,
  describe: (item: T) => string,
  shown: (value: number) => number = (value) => value,
): void {
  console.log(title)
  const best = [...items].sort((a, b) => rank(b) - rank(a)).slice(0, 4)
  for (const item of best) console.log(`  ${figure(shown(rank(item)))}  ${describe(item)}`)
  console.log('')
}

function about({ name, words, common }: Document): string {
  return `${name} (${words} words: ${common.join(', ')} …)`
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)} …` : text
}

function figure(value: number): string {
  return (Number.isInteger(value) ? `${value}` : value.toFixed(2)).padStart(6)
}
