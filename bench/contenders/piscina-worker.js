/** Runs in piscina's threads. */
export default function echo(value) {
  return value
}
