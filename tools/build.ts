/**
 * Makes what is not in the repository: types from the wire facts, the command and the OpenAPI documents in `dist/`. `npm ci` runs it.
 *
 * @module
 */
import { join } from 'node:path'
import process from 'node:process'
import { bundle } from './bundle.ts'

/** Resolves with what was made, a line each. */
export async function build(): Promise<string[]> {
  process.chdir(join(import.meta.dirname, '..'))
  await import('./generate-types.ts')
  const bytes = await bundle('src/cli/main.ts', 'dist/podpass.js')
  // Loaded only now: what it imports needs the types.
  const { writeOpenAPI } = await import('./openapi.ts')
  const documents = await writeOpenAPI('dist/openapi')
  return [`dist/podpass.main.js: ${Math.round(bytes / 1024)} KiB`, `dist/openapi: ${Math.round(documents / 1024)} KiB`]
}

if (import.meta.main) console.log((await build()).join('\n'))
