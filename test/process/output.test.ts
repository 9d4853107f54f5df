import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OutputLines, type OutputOptions } from '../../src/process/output.ts'

function collect(options: Partial<OutputOptions> = {}) {
  const lines: string[] = []
  const dropped: number[] = []
  const output = new OutputLines({
    maxLinesPerSecond: Infinity,
    ...options,
    onLine: (line, count) => {
      lines.push(line)
      dropped.push(count)
    },
  })
  return { output, lines, dropped, push: (text: string) => output.push(Buffer.from(text)) }
}

function linesOf(chunks: readonly Uint8Array[], options?: Partial<OutputOptions>): string[] {
  const { output, lines } = collect(options)
  for (const chunk of chunks) output.push(Buffer.from(chunk))
  output.end()
  return lines
}

describe('output lines', () => {
  it('are told without their newline, of either kind', () => {
    const { push, lines } = collect()
    push('one\ntwo\r\n\n\r\nthree')
    expect(lines).toEqual(['one', 'two', '', ''])
    push(' and more\r')
    push('\n')
    expect(lines[4]).toBe('three and more')
  })

  it('keep a carriage return that belongs to no newline', () => {
    expect(linesOf([Buffer.from('10%\r20%\rdone\r')])).toEqual(['10%\r20%\rdone\r'])
  })

  it('tell the last line at the end even if it has no newline, and nothing more if it has', () => {
    expect(linesOf([Buffer.from('a\nb')])).toEqual(['a', 'b'])
    expect(linesOf([Buffer.from('a\nb\n')])).toEqual(['a', 'b'])
    expect(linesOf([])).toEqual([])
  })

  it('put characters together that were cut between chunks', () => {
    const bytes = Buffer.from('größer 🐍\n')
    expect(linesOf([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(['größer 🐍'])
  })

  it('show bytes that are not UTF-8 as U+FFFD', () => {
    expect(linesOf([Buffer.from([0x61, 0xff, 0x62, 0x0a, 0xc3])])).toEqual(['a\ufffdb', '\ufffd'])
  })

  it('cut a megabyte without a newline into pieces', () => {
    const lines = linesOf([Buffer.alloc(1_000_000, 'x'), Buffer.alloc(48_576, 'y')])
    expect(lines).toHaveLength(64)
    expect(new Set(lines.map((line) => line.length))).toEqual(new Set([16_384]))
    expect(lines.join('')).toBe('x'.repeat(1_000_000) + 'y'.repeat(48_576))
  })

  it('tell a line of exactly the longest length in one piece, whichever its newline', () => {
    expect(linesOf([Buffer.from('12345678\r\n12345678\n123456789\r\n')], { maxLineLength: 8 })).toEqual([
      '12345678',
      '12345678',
      '12345678',
      '9',
    ])
  })

  it('never cut a long line within a character', () => {
    expect(linesOf([Buffer.from('aaäöü🐍🐍\n')], { maxLineLength: 5 })).toEqual(['aaä', 'öü', '🐍', '🐍'])
  })

  it('are the same however the bytes are cut into chunks', () => {
    const piece = fc.oneof(
      fc
        .constantFrom('\n', '\r\n', '\r', 'ä', '🐍', '\ufeff', 'word', 'a longer line of words')
        .map((s) => Buffer.from(s)),
      fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    )
    const bytes = fc.array(piece, { maxLength: 40 }).map((pieces) => Buffer.concat(pieces))
    const cuts = fc.array(fc.nat(300), { maxLength: 60 })
    fc.assert(
      fc.property(bytes, cuts, fc.integer({ min: 1, max: 20 }), (bytes, cuts, maxLineLength) => {
        const chunks: Buffer[] = []
        let from = 0
        for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
          if (cut > bytes.length) break
          chunks.push(bytes.subarray(from, cut))
          from = cut
        }
        chunks.push(bytes.subarray(from))
        const { output, lines } = collect({ maxLineLength })
        for (const chunk of chunks) output.push(chunk)
        output.end()
        expect(lines).toEqual(linesOf([bytes], { maxLineLength }))
        for (const line of lines) expect(line).not.toContain('\n')

        const whole = linesOf([bytes])
        const simple = bytes
          .toString()
          .split('\n')
          .map((line, i, all) => (i < all.length - 1 ? line.replace(/\r$/, '') : line))
        if (simple.at(-1) === '') simple.pop()
        expect(whole).toEqual(simple)
      }),
      { numRuns: 1_000 },
    )
  })

  it('are dropped when they come too fast, and the next line tells how many', () => {
    let time = 0
    const { push, lines, dropped } = collect({ maxLinesPerSecond: 2, now: () => time })
    push('1\n2\n3\n4\n')
    push('5\n')
    expect(lines).toEqual(['1', '2'])
    time = 1_000
    push('6\n7\n')
    expect(lines).toEqual(['1', '2', '6', '7'])
    expect(dropped).toEqual([0, 0, 3, 0])
  })

  it('tell the last of the dropped lines at the end, so that the count is told', () => {
    const { output, push, lines, dropped } = collect({ maxLinesPerSecond: 1, now: () => 0 })
    push('1\n2\n3\nlast words')
    output.end()
    expect(lines).toEqual(['1', 'last words'])
    expect(dropped).toEqual([0, 2])
  })

  it('are not told while nobody wants them, nor is the rest of a line that began meanwhile', () => {
    let wanted = false
    const { output, push, lines } = collect({ wanted: () => wanted })
    push('unseen\nhalf of ')
    wanted = true
    push('a line, ')
    push('its end\nseen\n')
    expect(lines).toEqual(['seen'])
    wanted = false
    push('unseen too\n')
    wanted = true
    push('seen again\n')
    expect(lines).toEqual(['seen', 'seen again'])
    expect(output.tail).toContain('unseen\nhalf of a line')
  })
})

describe('the tail of an output', () => {
  it('is what was pushed, as long as that is short', () => {
    const { output, push } = collect()
    expect(output.tail).toBe('')
    push('Traceback\n')
    push('Error')
    expect(output.tail).toBe('Traceback\nError')
  })

  it('is the last 4,096 characters of any text in any chunks', () => {
    const text = fc.string({ unit: 'binary', maxLength: 3_000 })
    fc.assert(
      fc.property(fc.array(text, { maxLength: 12 }), fc.nat(30), (texts, repeat) => {
        const { output, push } = collect({ wanted: () => false })
        let all = ''
        for (const text of texts) {
          push(text.repeat(repeat))
          all += text.repeat(repeat)
        }
        const expected = Buffer.from(all).toString().slice(-4_096)
        expect(output.tail).toBe(/^[\udc00-\udfff]/.test(expected) ? expected.slice(1) : expected)
      }),
      { numRuns: 200 },
    )
  })

  it('begins with a whole character', () => {
    for (let length = 4_000; length < 4_010; length++) {
      const { output, push } = collect()
      push(`${'x'.repeat(length)}${'語'.repeat(6_000)}`)
      push('é')
      expect(output.tail).toBe(`${'語'.repeat(4_095)}é`)
    }
  })
})
