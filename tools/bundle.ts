/**
 * Puts the command and all that it needs into `dist`: `podpass.js`, which checks Node and turns on its compile cache, `podpass.main.js`,
 * which is everything, and a file for each package that is large and seldom needed.
 *
 * CommonJS, because it starts a little faster than a module and because its first line runs before anything is imported: a Node that is too
 * old gets a sentence instead of a stack trace. What the command loads by `import()` stays in the file and runs when it is first asked for.
 *
 * @see docs/decisions/0003-one-file-commonjs.md, docs/decisions/0017-compiled-code-is-kept.md
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'

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
function launcher(manifest: Manifest, main: string): string {
  const range = manifest.engines?.node ?? '>=22'
  return [
    '#!/usr/bin/env node',
    '"use strict";',
    `var podpassNodeVersion=process.versions.node.split(".").map(Number);(function(v){if(!(${nodeRangeTest(range)})){`,
    `console.error("podpass needs Node ${range.replaceAll('||', 'or')}; this is Node "+process.versions.node+".");process.exit(1)}})(podpassNodeVersion);`,
    // In the user's own folder: whoever writes there decides what runs here.
    '(function(m,e,j){try{if(m.enableCompileCache)m.enableCompileCache(e.NODE_COMPILE_CACHE||j(e.XDG_CACHE_HOME||j(require("os").homedir(),".cache"),"podpass"))}',
    'catch(_){}})(require("module"),process.env,require("path").join);',
    `require("./${main}");`,
    '',
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

/** Only a store on etcd and an external signer need it: a tenth of all code, and read at every start if it were in the one file. */
const APART: Readonly<Record<string, string>> = { '@grpc/grpc-js': 'podpass.grpc.js' }

const apart: Plugin = {
  name: 'apart',
  setup(pluginBuild) {
    pluginBuild.onResolve({ filter: /^@grpc\/grpc-js$/ }, ({ path }) => ({ path: `./${APART[path]}`, external: true }))
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
  return `dist/*.js contain code of these packages.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`
}

/** Writes the bundle of `entry` behind `outfile`; resolves with its size in bytes. */
export async function bundle(entry: string, outfile: string): Promise<number> {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
  const common = {
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
  } as const satisfies BuildOptions
  const result = await build({
    ...common,
    entryPoints: [entry],
    define: { 'import.meta.url': 'podpassFileUrl' },
    banner: { js: 'var podpassFileUrl=require("url").pathToFileURL(__filename).href;' },
    plugins: [jsonText, apart],
  })
  const code = result.outputFiles[0]?.contents ?? new Uint8Array()
  const folder = dirname(outfile)
  const main = `${basename(outfile, '.js')}.main.js`
  mkdirSync(folder, { recursive: true })
  writeFileSync(outfile, launcher(manifest, main), { mode: 0o755 })
  writeFileSync(join(folder, main), code)
  const inputs = Object.keys(result.metafile.inputs)
  for (const [name, file] of Object.entries(APART)) {
    const made = await build({ ...common, entryPoints: [name] })
    writeFileSync(join(folder, file), made.outputFiles[0]?.contents ?? new Uint8Array())
    inputs.push(...Object.keys(made.metafile.inputs))
  }
  // The package itself is made of modules; these files are none.
  writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}\n')
  writeFileSync(join(folder, `${basename(outfile, '.js')}.licenses.txt`), notices(packagesOf(inputs)))
  return code.byteLength
}
