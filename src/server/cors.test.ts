import { expect, test } from 'vitest'
import { corsFor } from './cors.ts'

const cors = corsFor(['^https://good\\.test$'])

test('corsFor() names an origin that is allowed', () => {
  expect(cors?.({ headers: { origin: 'https://good.test' } })).toContainEqual(['Access-Control-Allow-Origin', 'https://good.test'])
})

test('corsFor() says nothing to others, and nothing without an origin', () => {
  expect(cors?.({ headers: { origin: 'https://good.test.evil' } })).toBeUndefined()
  expect(cors?.({ headers: {} })).toBeUndefined()
})

test('corsFor() is nothing where nobody may call', () => {
  expect(corsFor([])).toBeUndefined()
})
