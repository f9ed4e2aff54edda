/**
 * Programs that this machine happens to have. Tests that need one that is missing are skipped, and the summary says so.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { accessSync, constants, readdirSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const FOLDERS = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '' && !folder.includes('node_modules'))

/** The first in the path. */
export function find(program: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, program)).find(isExecutable)
}

/** Where kubectl of several minors may lie: in the path, and where the path's kubectl really is (Google Cloud's SDK keeps them side by side). */
function kubectlFolders(): string[] {
  const found = find('kubectl')
  return [...FOLDERS, ...(found === undefined ? [] : [dirname(realpathSync(found))])]
}

let kubectls: Map<string, string> | undefined

/** kubectl by minor (`1.32`), whatever of them is there. */
export function kubectlByMinor(): ReadonlyMap<string, string> {
  if (kubectls !== undefined) return kubectls
  // Names with a minor first: a plain kubectl may be a dispatcher that runs another one of them.
  const paths = kubectlFolders()
    .flatMap((folder) =>
      listing(folder)
        .filter((name) => /^kubectl(\.1\.\d+)?$/.test(name))
        .map((name) => join(folder, name)),
    )
    .sort((a, b) => Number(b.includes('.1.')) - Number(a.includes('.1.')))
  kubectls = new Map()
  for (const path of new Set(paths.filter(isExecutable))) {
    const minor = minorOf(path)
    if (minor !== undefined && !kubectls.has(minor)) kubectls.set(minor, path)
  }
  kubectls = new Map([...kubectls].sort(([a], [b]) => Number(a.slice(2)) - Number(b.slice(2))))
  return kubectls
}

/** The newest kubectl. */
export function newestKubectl(): string | undefined {
  return [...kubectlByMinor().values()].at(-1)
}

function listing(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function minorOf(kubectl: string): string | undefined {
  try {
    const version = JSON.parse(
      execFileSync(kubectl, ['version', '--client', '-o', 'json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    ) as { clientVersion: { major: string; minor: string } }
    return `${version.clientVersion.major}.${Number.parseInt(version.clientVersion.minor, 10)}`
  } catch {
    return undefined
  }
}

/** A Python that can import all of `modules`. */
export function pythonWith(...modules: string[]): string | undefined {
  return [find('python3'), '/usr/bin/python3'].find((python) => {
    try {
      execFileSync(python as string, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
}
