/**
 * Builds the command once before the tests that start it, so that they see the source as it is.
 */
import { bundle } from '../tools/bundle.ts'

export default async function setup(): Promise<void> {
  await import('../tools/generate.ts')
  await bundle('src/cli/main.ts', 'dist/podpass.js')
  // Loaded only now: its imports include what was generated.
  const { writeOpenAPI } = await import('../tools/openapi.ts')
  await writeOpenAPI('dist/openapi')
}
