/**
 * `resourceVersion` in requests: parsing, and waiting until this server has seen one.
 *
 * @see apiserver/pkg/storage/errors.go
 * @module
 */
import { fieldErrorText, invalidValue } from '../../api/field.ts'
import { quote } from '../../api/quote.ts'
import { failure } from '../../api/status.ts'
import type { VerbContext } from './context.ts'

/** How long a request waits for a revision that is not there yet. */
const WAIT_MS = 3000

/** 500 without a reason for what is no revision, as upstream's plain errors become. */
export function parseRevision(text: string): number {
  const problem = revisionProblem(text)
  if (problem !== undefined) throw failure(500, '', problem)
  return Number(text)
}

/** What is wrong with a revision; undefined when it is one. */
export function revisionProblem(text: string): string | undefined {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return undefined
  const why = /^\d+$/.test(text) ? 'value out of range' : 'invalid syntax'
  return fieldErrorText(invalidValue('resourceVersion', text, `strconv.ParseUint: parsing ${quote(text)}: ${why}`))
}

/** 504 with upstream's cause when the revision does not come in time. */
export async function awaitRevision(context: VerbContext, revision: number): Promise<void> {
  const { cache } = context.verbs.world
  if (cache.revision >= revision) return
  try {
    await cache.reach(revision, WAIT_MS)
  } catch (error) {
    throw tooLargeRevision(revision, cache.revision, error)
  }
}

function tooLargeRevision(wanted: number, current: number, cause: unknown): Error {
  return failure(
    504,
    'Timeout',
    `Timeout: Too large resource version: ${wanted}, current: ${current}`,
    { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1 },
    { cause },
  )
}
