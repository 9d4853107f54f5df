import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import ts from 'typescript'

/** Which room is on which floor. What lies directly in `src/`, and `src/tree/`, is the room `top`. */
export const floors: Readonly<Record<string, number>> = {
  core: 0,
  wire: 1,
  process: 2,
  actors: 3,
  registry: 3,
  sessions: 3,
  supervisors: 4,
  pools: 5,
  client: 6,
  top: 7,
  cli: 8,
  devtools: 8,
  cluster: 8,
}

const longFile = 300
const tooLongFile = 400

/** What the check found: problems fail it, notes do not. */
export interface FloorReport {
  readonly files: number
  readonly problems: readonly string[]
  readonly notes: readonly string[]
}

/** Checks the rules of the house for every TypeScript file below a source folder. */
export function checkFloors(src: string): FloorReport {
  const problems: string[] = []
  const notes: string[] = []
  const graph = new Map<string, string[]>()
  const files = sourceFiles(src)
  for (const file of files) {
    const name = display(src, file)
    const text = readFileSync(file, 'utf8')
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
    const lines = text.split('\n').length - 1
    if (lines > tooLongFile) problems.push(`${name}: ${lines} lines, at most ${tooLongFile} are allowed`)
    else if (lines > longFile)
      notes.push(`${name}: ${lines} lines, more than ${longFile}: does it hold two ideas?`)
    if (name.endsWith('index.ts')) problems.push(...checkIndex(name, source))
    const targets = importsOf(source)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => resolve(dirname(file), specifier.replace(/\.js$/, '.ts')))
    for (const target of targets) {
      const problem = checkImport(src, file, target)
      if (problem) problems.push(problem)
    }
    graph.set(file, targets)
  }
  for (const circle of circles(graph)) {
    problems.push(`circle: ${[...circle, circle[0]!].map((file) => display(src, file)).join(' → ')}`)
  }
  return { files: files.length, problems, notes }
}

function checkImport(src: string, from: string, to: string): string | undefined {
  const importer = display(src, from)
  const imported = display(src, to)
  if (imported.startsWith('..')) return `${importer} imports ${imported}, which is outside the source folder`
  if (!existsSync(to)) return `${importer} imports ${imported}, which does not exist`
  const [fromRoom, toRoom] = [roomOf(importer), roomOf(imported)]
  const [fromFloor, toFloor] = [floors[fromRoom], floors[toRoom]]
  if (fromFloor === undefined) return `${importer}: no floor is known for the room ${fromRoom}`
  if (toFloor === undefined) return `${imported}: no floor is known for the room ${toRoom}`
  if (fromRoom === toRoom || toFloor < fromFloor) return undefined
  return `${importer} (${fromRoom}, floor ${fromFloor}) imports ${imported} (${toRoom}, floor ${toFloor})`
}

function checkIndex(name: string, source: ts.SourceFile): string[] {
  return source.statements
    .filter((statement) => !(ts.isExportDeclaration(statement) && statement.moduleSpecifier))
    .map((statement) => {
      const line = source.getLineAndCharacterOfPosition(statement.getStart()).line + 1
      return `${name}:${line}: an index holds nothing but \`export … from\``
    })
}

/** Everything that a file names as a module: imports, re-exports, `import()` and import types. */
function importsOf(source: ts.SourceFile): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      if (ts.isStringLiteral(node.moduleSpecifier)) found.push(node.moduleSpecifier.text)
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      if (ts.isStringLiteral(node.argument.literal)) found.push(node.argument.literal.text)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments
      if (argument && ts.isStringLiteral(argument)) found.push(argument.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** One circle for each group of files that reach each other (Tarjan's components, then a walk inside each). */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  const enter = (file: string): void => {
    order.set(file, order.size)
    low.set(file, order.get(file)!)
    stack.push(file)
    for (const next of graph.get(file) ?? []) {
      if (!graph.has(next)) continue
      if (!order.has(next)) {
        enter(next)
        low.set(file, Math.min(low.get(file)!, low.get(next)!))
      } else if (stack.includes(next)) low.set(file, Math.min(low.get(file)!, order.get(next)!))
    }
    if (low.get(file) !== order.get(file)) return
    const group = stack.splice(stack.indexOf(file))
    if (group.length > 1 || graph.get(file)!.includes(file)) found.push(pathInside(graph, group))
  }
  for (const file of graph.keys()) if (!order.has(file)) enter(file)
  return found
}

function pathInside(graph: ReadonlyMap<string, readonly string[]>, group: readonly string[]): string[] {
  const path = [group[0]!]
  for (;;) {
    const next = graph.get(path.at(-1)!)!.find((file) => group.includes(file))!
    const seen = path.indexOf(next)
    if (seen >= 0) return path.slice(seen)
    path.push(next)
  }
}

function roomOf(name: string): string {
  const slash = name.indexOf('/')
  const room = slash < 0 ? 'top' : name.slice(0, slash)
  return room === 'tree' ? 'top' : room
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function display(src: string, file: string): string {
  return relative(src, file).split(sep).join('/')
}
