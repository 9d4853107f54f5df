import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The texts of a folder in pieces of so many characters or a little more, cut between lines. */
export function readChunks(folder: string, length: number): string[] {
  const chunks: string[] = []
  for (const name of readdirSync(folder)) {
    let chunk = ''
    for (const line of readFileSync(join(folder, name), 'utf8').split('\n')) {
      chunk += `${line}\n`
      if (chunk.length < length) continue
      chunks.push(chunk)
      chunk = ''
    }
    if (chunk.trim() !== '') chunks.push(chunk)
  }
  return chunks
}
