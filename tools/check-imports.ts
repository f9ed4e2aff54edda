/**
 * Imports point down, never up, never in a ring. Types count between rooms; between files of a room they may point both ways, because
 * nothing is left of them when the files run.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { lineOf, type Source, withoutComments } from './sources.ts'

/** From the top of the house to its ground; a room may import from its own row and from those below. */
export const ROOMS: readonly (readonly string[])[] = [
  ['cli', 'console', 'testing'],
  ['agent', 'federation'],
  ['server', 'controllers'],
  ['registry'],
  ['admission'],
  ['authorization'],
  ['authentication'],
  ['audit', 'analysis'],
  ['rbac', 'token', 'pki', 'cel'],
  ['cache'],
  ['storage'],
  ['client', 'api', 'clock.ts'],
]

const RANK = new Map(ROOMS.flatMap((rooms, row) => rooms.map((room) => [room, ROOMS.length - row] as const)))

interface Import {
  specifier: string
  /** Gone when the file runs. */
  isTypeOnly: boolean
  line: number
}

function importsOf(source: Source): Import[] {
  const text = withoutComments(source.text)
  const patterns = [/^\s*(?:import|export)\s[^'";]*?from\s+'([^']+)'/gm, /^\s*import\s+'([^']+)'/gm, /\bimport\(\s*'([^']+)'\s*\)/g]
  return patterns.flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => ({
      specifier: match[1] as string,
      isTypeOnly: /^\s*(?:import|export)\s+type\s/.test(match[0]),
      line: lineOf(text, match.index + match[0].indexOf("'")),
    })),
  )
}

/** `src/rbac/evaluate.ts` is in the room `rbac`; a file beside the rooms is its own. */
function roomOf(path: string): string {
  return path.split('/')[1] as string
}

export function importFindings(sources: readonly Source[]): string[] {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies?: Record<string, string> }
  const installedForUsers = new Set(Object.keys(manifest.dependencies ?? {}))
  const findings: string[] = []
  const graph = new Map<string, string[]>()
  const runTimeGraph = new Map<string, string[]>()
  for (const source of sources.filter((each) => !each.isTest)) {
    const room = roomOf(source.path)
    const rank = RANK.get(room)
    if (rank === undefined) findings.push(`${source.path}: the room ${room} has no place in the house (tools/check-imports.ts)`)
    const targets: string[] = []
    const runTime: string[] = []
    for (const { specifier, isTypeOnly, line } of importsOf(source)) {
      const at = `${source.path}:${line}`
      if (!specifier.startsWith('.')) {
        const name = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/')
        if (!isBuiltin(specifier) && !installedForUsers.has(name)) findings.push(`${at}: ${name} is not among the dependencies`)
        continue
      }
      const target = posix.join(posix.dirname(source.path), specifier)
      if (!target.startsWith('src/')) findings.push(`${at}: ${specifier} is outside src`)
      const targetRank = RANK.get(roomOf(target))
      if (rank !== undefined && targetRank !== undefined && targetRank > rank)
        findings.push(`${at}: ${room} imports ${roomOf(target)}, which is above it`)
      targets.push(target)
      if (!isTypeOnly) runTime.push(target)
    }
    graph.set(source.path, targets)
    runTimeGraph.set(source.path, runTime)
  }
  return [...findings, ...rings(runTimeGraph, 'files'), ...rings(roomGraph(graph), 'rooms')]
}

function roomGraph(files: ReadonlyMap<string, readonly string[]>): Map<string, string[]> {
  const rooms = new Map<string, string[]>()
  for (const [path, targets] of files) {
    const room = roomOf(path)
    const others = targets.map(roomOf).filter((other) => other !== room)
    rooms.set(room, [...new Set([...(rooms.get(room) ?? []), ...others])])
  }
  return rooms
}

/** One finding for each ring, as the way round it. */
function rings(graph: ReadonlyMap<string, readonly string[]>, of: string): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const way: string[] = []
  const visit = (node: string): void => {
    const start = way.indexOf(node)
    if (start >= 0) {
      found.push(`ring of ${of}: ${[...way.slice(start), node].join(' > ')}`)
      return
    }
    if (done.has(node)) return
    way.push(node)
    for (const next of graph.get(node) ?? []) visit(next)
    way.pop()
    done.add(node)
  }
  for (const node of graph.keys()) visit(node)
  return found
}
