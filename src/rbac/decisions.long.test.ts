import { expect, test } from 'vitest'
import { seeded } from './arbitrary.ts'
import { compareDecisions } from './decisions.ts'

test('RbacIndex agrees with the naive evaluator on a million random decisions', { timeout: 300_000 }, () => {
  for (let seed = 100; seed < 110; seed++) expect(compareDecisions(seeded(seed), 100_000)).toEqual([])
})
