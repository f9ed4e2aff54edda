/**
 * Makes what is not in the repository: types from the wire facts, the command and the OpenAPI documents in `dist/`. `npm ci` runs it.
 */
import { join } from 'node:path'
import process from 'node:process'
import { bundle } from './bundle.ts'

process.chdir(join(import.meta.dirname, '..'))
await import('./generate.ts')
const bytes = await bundle('src/cli/main.ts', 'dist/podpass.js')
console.log(`dist/podpass.js: ${Math.round(bytes / 1024)} KiB`)
const { writeOpenAPI } = await import('./openapi.ts')
console.log(`dist/openapi: ${Math.round((await writeOpenAPI('dist/openapi')) / 1024)} KiB`)
