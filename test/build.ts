/**
 * Builds the command once before the tests that start it, so that they see the source as it is.
 */
import { build } from '../tools/build.ts'

export default async function setup(): Promise<void> {
  await build()
}
