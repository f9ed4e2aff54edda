/**
 * Puts the command and all that it needs into one file: `dist/podpass.js`.
 *
 * CommonJS, because it starts a little faster than a module and because its first line runs before anything is imported: a Node that is too
 * old gets a sentence instead of a stack trace. What the command loads by `import()` stays in the file and runs when it is first asked for.
 *
 * @see docs/decisions/0003-one-file-commonjs.md
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { build, type Plugin } from 'esbuild'

interface Manifest {
  name: string
  version: string
  license?: string
  engines?: { node: string }
}

/** `^22.22.2 || ^24.15.0 || >=26` as an expression over `v`, in the words of the oldest Node that could read it. */
export function nodeRangeTest(range: string): string {
  const alternatives = range.split('||').map((part) => {
    const [, operator, text] = /^(\^|>=)([\d.]+)$/.exec(part.trim()) ?? []
    if (operator === undefined || text === undefined) throw new Error(`engines.node: cannot read ${part}`)
    const [major = 0, minor = 0, patch = 0] = text.split('.').map(Number)
    const sameMajor = `v[0]==${major}&&(v[1]>${minor}||v[1]==${minor}&&v[2]>=${patch})`
    return operator === '^' ? `(${sameMajor})` : `v[0]>${major}||(${sameMajor})`
  })
  return alternatives.join('||')
}

/** What runs before everything else; nothing newer than ES5 in it. */
function banner(manifest: Manifest): string {
  const range = manifest.engines?.node ?? '>=22'
  return [
    '#!/usr/bin/env node',
    '"use strict";',
    `var podpassNodeVersion=process.versions.node.split(".").map(Number);(function(v){if(!(${nodeRangeTest(range)})){`,
    `console.error("podpass needs Node ${range.replaceAll('||', 'or')}; this is Node "+process.versions.node+".");process.exit(1)}})(podpassNodeVersion);`,
    'var podpassFileUrl=require("url").pathToFileURL(__filename).href;',
  ].join('\n')
}

/** Large tables of facts: `JSON.parse` of a string is several times faster than an object literal of the same size. */
const jsonText: Plugin = {
  name: 'json-text',
  setup(pluginBuild) {
    pluginBuild.onLoad({ filter: /\.json$/ }, ({ path }) => {
      const text = JSON.stringify(JSON.parse(readFileSync(path, 'utf8')))
      return { contents: `module.exports = JSON.parse(${JSON.stringify(text)})`, loader: 'js' }
    })
  },
}

/** The packages whose code is in the bundle, by folder. */
function packagesOf(inputs: readonly string[]): string[] {
  const folders = inputs.flatMap((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? [])
  return [...new Set(folders)].sort()
}

/** Their licences, as they ask to be passed on. */
function notices(folders: readonly string[]): string {
  const parts = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
    let text = ''
    for (const file of ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'License']) {
      try {
        text = readFileSync(join(folder, file), 'utf8').trim()
        break
      } catch {}
    }
    return `${name} ${version} (${license ?? 'see below'})\n\n${text}\n`
  })
  return `dist/podpass.js contains code of these packages.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`
}

/** Writes the bundle of `entry` to `outfile`; resolves with its size in bytes. */
export async function bundle(entry: string, outfile: string): Promise<number> {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    // What Node 14 can parse: any newer one that is still too old must reach the check in the banner.
    target: 'node14.21',
    format: 'cjs',
    write: false,
    metafile: true,
    // Names stay: stack traces and CPU profiles are read by people.
    minifyWhitespace: true,
    legalComments: 'none',
    define: { 'import.meta.url': 'podpassFileUrl' },
    banner: { js: banner(manifest) },
    plugins: [jsonText],
  })
  const code = result.outputFiles[0]?.contents ?? new Uint8Array()
  const folder = dirname(outfile)
  mkdirSync(folder, { recursive: true })
  writeFileSync(outfile, code, { mode: 0o755 })
  // The package itself is made of modules; this file is not one.
  writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}\n')
  writeFileSync(join(folder, `${basename(outfile, '.js')}.licenses.txt`), notices(packagesOf(Object.keys(result.metafile.inputs))))
  return code.byteLength
}
