import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** Loads one of the peers. They are the benchmark's own dependencies, so the project is checked without them. */
export function peer<T>(name: string): T {
  return require(name) as T
}

/** Where a peer's main file is. */
export function peerPath(name: string): string {
  return require.resolve(name)
}

/** Installs the peers when they are missing. */
export function installPeers(): void {
  if (existsSync(new URL('./node_modules/.package-lock.json', import.meta.url))) return
  console.log('installing the peers …')
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  const ran = spawnSync('npm', args, { cwd: import.meta.dirname, stdio: ['ignore', 'inherit', 'inherit'] })
  if (ran.status !== 0) console.error('the peers could not be installed: their columns stay empty')
}
