import { describe, expect, it } from 'vitest'
import { blocksOf } from '../../scripts/markdown.ts'

describe('blocks of a Markdown file', () => {
  it('gives language, marks, text and line', () => {
    const text = [
      '# x',
      '```ts no-run',
      'a()',
      '```',
      'b',
      '```py file=python/a.py',
      '',
      'x = 1',
      '```',
    ].join('\n')
    expect(blocksOf(text)).toEqual([
      { language: 'ts', marks: ['no-run'], text: 'a()\n', line: 3 },
      { language: 'py', marks: ['file=python/a.py'], text: '\nx = 1\n', line: 7 },
    ])
  })

  it('keeps shorter fences inside longer ones', () => {
    expect(blocksOf('````md\n```ts\n1\n```\n````\n')).toEqual([
      { language: 'md', marks: [], text: '```ts\n1\n```\n', line: 2 },
    ])
  })

  it('refuses a fence that is never closed', () => {
    expect(() => blocksOf('a\n```ts\n1\n')).toThrow('line 2: a fence is opened and never closed')
  })
})
