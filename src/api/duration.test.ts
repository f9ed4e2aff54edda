import { expect, test } from 'vitest'
import { humanDuration, shortHumanDuration } from './duration.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

const cases: [milliseconds: number, human: string, short: string][] = [
  [-2 * second, '<invalid>', '<invalid>'],
  [-1500, '0s', '0s'],
  [0, '0s', '0s'],
  [119 * second, '119s', '1m'],
  [2 * minute, '2m', '2m'],
  [9 * minute + 59 * second, '9m59s', '9m'],
  [10 * minute + second, '10m', '10m'],
  [179 * minute, '179m', '2h'],
  [3 * hour, '3h', '3h'],
  [7 * hour + 59 * minute, '7h59m', '7h'],
  [8 * hour + minute, '8h', '8h'],
  [47 * hour, '47h', '1d'],
  [2 * day, '2d', '2d'],
  [7 * day + 23 * hour, '7d23h', '7d'],
  [8 * day + hour, '8d', '8d'],
  [729 * day, '729d', '1y'],
  [730 * day, '2y', '2y'],
  [731 * day, '2y1d', '2y'],
  [3000 * day, '8y', '8y'],
]
for (const [milliseconds, human, short] of cases) {
  test(`${milliseconds} milliseconds are ${human}, or ${short}`, () => {
    expect(humanDuration(milliseconds)).toBe(human)
    expect(shortHumanDuration(milliseconds)).toBe(short)
  })
}
