import { expect, test } from 'vitest'
import { AbsentOwners } from './absent-owners.ts'

test('AbsentOwners forgets what was not asked for the longest', () => {
  const absent = new AbsentOwners(2)
  absent.add('a')
  absent.add('b')
  expect(absent.has('a')).toBe(true)
  absent.add('c')
  expect(['a', 'b', 'c'].map((place) => absent.has(place))).toEqual([true, false, true])
})
