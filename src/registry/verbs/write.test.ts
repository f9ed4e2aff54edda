import { expect, test } from 'vitest'
import { isStatusError } from '../../api/status.ts'
import type { ObjectMeta } from '../../api/types/meta/v1.ts'
import { TooLargeError } from '../../storage/store.ts'
import type { VerbContext } from './context.ts'
import { writeFitting } from './write.ts'

const by = (contentType: string) => ({ contentType }) as VerbContext
const owned = (): ObjectMeta => ({ name: 'x', managedFields: [{ manager: 'm', operation: 'Update' }] })

/** Takes what has no managedFields, or nothing. */
function storeOf(meta: ObjectMeta, takesNothing = false) {
  return async () => {
    if (takesNothing || meta.managedFields !== undefined) throw new TooLargeError('etcdserver: request is too large')
    return 'written'
  }
}

test('an object that the store finds too large is written without managedFields', async () => {
  const meta = owned()
  expect(await writeFitting(by('application/json'), meta, storeOf(meta))).toBe('written')
  expect(meta).toEqual({ name: 'x' })
})

test('an apply of it fails, and so does what is too large by itself, with the text of the store', async () => {
  for (const [contentType, takesNothing] of [
    ['application/apply-patch+yaml', false],
    ['application/json', true],
  ] as const) {
    const meta = owned()
    const error = await writeFitting(by(contentType), meta, storeOf(meta, takesNothing)).catch((reason: unknown) => reason)
    expect(isStatusError(error) && error.status).toMatchObject({ code: 500, message: 'etcdserver: request is too large' })
  }
})
