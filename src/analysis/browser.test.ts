import { readdirSync } from 'node:fs'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

test('the analysis needs nothing that a browser lacks', async () => {
  const entryPoints = readdirSync(import.meta.dirname)
    .filter((name) => !/\.(test|bench)\.ts$|^testdata\.ts$/.test(name))
    .map((name) => `${import.meta.dirname}/${name}`)
  // An import of a Node module is an error for this platform.
  const { errors, warnings, outputFiles } = await build({
    entryPoints,
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    outdir: 'out',
    logLevel: 'silent',
  })
  expect([...errors, ...warnings]).toEqual([])
  for (const { text } of outputFiles) expect(text).not.toMatch(/\b(?:process|Buffer)\./)
})
