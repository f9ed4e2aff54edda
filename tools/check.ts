/**
 * Every check that is not a test: the direction of imports, the clock, links in the documentation, types, format and lint.
 *
 * Prints what is wrong, one finding a line, and exits 1 if there was any.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { clockFindings } from './check-clock.ts'
import { documentationFindings } from './check-documentation.ts'
import { importFindings } from './check-imports.ts'
import { readSources } from './sources.ts'

process.chdir(join(import.meta.dirname, '..'))

function run(command: string, args: readonly string[]): Promise<boolean> {
  return new Promise((done, fail) => {
    const child = spawn(join('node_modules', '.bin', command), args, { stdio: 'inherit' })
    child.on('error', fail)
    child.on('close', (code) => done(code === 0))
  })
}

await import('./generate-types.ts')
const sources = readSources('src')
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
const versionFindings = sources.some(({ text }) => text.includes(`PODPASS_VERSION = '${version}'`))
  ? []
  : [`PODPASS_VERSION in src is not ${version}, the version in package.json`]
const findings = [...versionFindings, ...importFindings(sources), ...clockFindings(sources), ...documentationFindings()]
for (const finding of findings) console.log(finding)

const tools = await Promise.all([run('tsc', ['--noEmit', '-p', '.']), run('biome', ['check', '--max-diagnostics=50', '.'])])
const failed = findings.length > 0 || tools.includes(false)
console.log(failed ? 'checks: failed' : `checks: passed (${sources.length} source files)`)
process.exitCode = failed ? 1 : 0
