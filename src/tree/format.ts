import type { TreeNode } from '../core/services.ts'

/**
 * A tree as text, one line for each actor:
 *
 *     tree  running  strategy=one_for_one
 *     ├─ rooms  running  strategy=dynamic
 *     │  └─ lobby  open.idle
 *     └─ topics  running  keys=duplicate entries=0
 */
export function formatTree(root: TreeNode): string {
  const lines = [line(root)]
  addChildren(root, '', lines)
  return lines.join('\n')
}

function addChildren(node: TreeNode, indent: string, lines: string[]): void {
  node.children.forEach((child, at) => {
    const last = at === node.children.length - 1
    lines.push(`${indent}${last ? '└─' : '├─'} ${line(child)}`)
    addChildren(child, `${indent}${last ? '   ' : '│  '}`, lines)
  })
}

function line({ id, name, state, details }: TreeNode): string {
  const told = Object.entries(details).map(([key, value]) => `${key}=${value}`)
  const label = name === undefined || name === id ? id : `${id} (${name})`
  return [label, state, told.join(' ')].filter((part) => part !== '').join('  ')
}
