/** Peers that carry JSON alone get bytes as base64, as their users do it. */
export function toText(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
}

export function toBytes(text: string): Uint8Array {
  return Buffer.from(text, 'base64')
}

export function textOf(data: Float64Array): string {
  return toText(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}

export function float64Of(text: string): Float64Array {
  const bytes = toBytes(text)
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}
