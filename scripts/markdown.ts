/** A fenced block of a Markdown file. */
export interface Block {
  /** The first word after the fence: `ts`, `sh`, … */
  readonly language: string
  /** The words that follow it: `run`, `no-run`, `file=python/text.py`. */
  readonly marks: readonly string[]
  readonly text: string
  /** Where its first line stands in the file, counted from 1. */
  readonly line: number
}

/** The fenced blocks of a Markdown text, in order. A fence is closed by one at least as long. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = []
  let open: { fence: string; info: string; line: number; body: string[] } | undefined
  for (const [i, line] of markdown.split(/\r?\n/).entries()) {
    const [, indent = '', fence, info = ''] = /^( {0,3})(`{3,}|~{3,})\s*(.*)$/.exec(line) ?? []
    if (open) {
      if (fence?.startsWith(open.fence) && info.trim() === '') {
        const [language = '', ...marks] = open.info.split(/\s+/)
        blocks.push({ language, marks, text: `${open.body.join('\n')}\n`, line: open.line })
        open = undefined
      } else open.body.push(line)
    } else if (fence && indent.length < 4) open = { fence, info: info.trim(), line: i + 2, body: [] }
  }
  if (open) throw new Error(`line ${open.line - 1}: a fence is opened and never closed`)
  return blocks
}
