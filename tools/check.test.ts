import { describe, expect, test } from 'vitest'
import { nodeRangeTest } from './bundle.ts'
import { clockFindings } from './check-clock.ts'
import { importFindings } from './check-imports.ts'
import type { Source } from './sources.ts'

const source = (path: string, text: string): Source => ({ path, text, isTest: false })

describe('importFindings()', () => {
  const cases: [name: string, sources: Source[], want: RegExp[]][] = [
    ['lets an import point down', [source('src/server/a.ts', "import { x } from '../cache/b.ts'"), source('src/cache/b.ts', '')], []],
    [
      'refuses one that points up',
      [source('src/cache/b.ts', "import type { x } from '../server/a.ts'")],
      [/^src\/cache\/b\.ts:1: cache imports server, which is above it$/],
    ],
    [
      'refuses a lazy one that points up',
      [source('src/cache/b.ts', "\nawait import('../cli/a.ts')")],
      [/^src\/cache\/b\.ts:2: cache imports cli/],
    ],
    ['does not read comments', [source('src/cache/b.ts', "// import { x } from '../server/a.ts'\n/* import x from '../cli/a.ts' */")], []],
    [
      'refuses a ring of files',
      [source('src/rbac/a.ts', "import './b.ts'"), source('src/rbac/b.ts', "import './a.ts'")],
      [/^ring of files: src\/rbac\/a\.ts > src\/rbac\/b\.ts > src\/rbac\/a\.ts$/],
    ],
    [
      'refuses a ring of rooms in one row',
      [source('src/rbac/a.ts', "import '../token/a.ts'"), source('src/token/b.ts', "import '../rbac/b.ts'")],
      [/^ring of rooms: rbac > token > rbac$/],
    ],
    [
      'refuses a package that users do not get',
      [source('src/api/a.ts', "import { test } from 'vitest'")],
      [/vitest is not among the dependencies/],
    ],
    ['lets what Node has be imported', [source('src/api/a.ts', "import { join } from 'node:path'")], []],
    ['refuses a folder without a place', [source('src/misc/a.ts', '')], [/misc has no place/]],
  ]
  test.each(cases)('%s', (_, sources, want) => {
    const findings = importFindings(sources)
    expect(findings).toHaveLength(want.length)
    for (const [i, pattern] of want.entries()) expect(findings[i]).toMatch(pattern)
  })
})

describe('clockFindings()', () => {
  const clock = source('src/clock.ts', 'Date.now()')
  const found = (text: string) => clockFindings([clock, source('src/api/a.ts', text)]).filter((finding) => finding.startsWith('src/'))
  test.each(['Date.now()', 'new Date()', 'setTimeout(f, 1)', 'timers.setInterval(f, 1)', 'const now = Date.now'])('refuses %s', (text) =>
    expect(found(text)).toHaveLength(1),
  )
  test.each(['new Date(ms)', 'clock.after(1, f)', '// Date.now()', 'clearTimeout(t)', 'socket.setTimeout'])('lets %s be', (text) =>
    expect(found(text)).toEqual([]),
  )
})

describe('nodeRangeTest()', () => {
  const allows = (version: string) =>
    new Function('v', `return ${nodeRangeTest('^22.22.2 || ^24.15.0 || >=26')}`)(version.split('.').map(Number)) as boolean
  test.each(['22.22.2', '22.30.0', '24.15.0', '26.0.0', '27.1.0'])('lets %s run', (version) => expect(allows(version)).toBe(true))
  test.each(['0.10.0', '20.20.2', '22.22.1', '23.11.0', '24.14.9', '25.9.0'])('stops %s', (version) => expect(allows(version)).toBe(false))
})
