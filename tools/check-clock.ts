/**
 * Only `src/clock.ts` reads the time of day or sets a timer, so that a test (or `--clock=virtual`) can turn the clock.
 *
 * @module
 */
import { lineOf, type Source, withoutComments } from './sources.ts'

/** Files that may, because what they wait for is not API time. */
const ALLOWED: Readonly<Record<string, string>> = {
  'src/clock.ts': 'the system clock itself',
  'src/client/informer.ts': 'back-off between connections to a server',
  'src/server/listener.ts': 'grace for open connections while the process ends',
}

const READS = /\bDate\.now\b|\bnew Date\(\s*\)|(?<!\w)set(?:Timeout|Interval)\(/g

export function clockFindings(sources: readonly Source[]): string[] {
  const findings: string[] = []
  for (const { path, text, isTest } of sources) {
    if (isTest || ALLOWED[path] !== undefined) continue
    const code = withoutComments(text)
    for (const match of code.matchAll(READS)) {
      findings.push(
        `${path}:${lineOf(code, match.index)}: ${match[0].replace(/\W+$/, '')} uses the system's clock; take a Clock, or say why in tools/check-clock.ts`,
      )
    }
  }
  const known = new Set(sources.map((source) => source.path))
  for (const path of Object.keys(ALLOWED)) if (!known.has(path)) findings.push(`tools/check-clock.ts: ${path} does not exist`)
  return findings
}
