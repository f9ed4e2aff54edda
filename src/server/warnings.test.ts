import { expect, test } from 'vitest'
import { WarningList } from './warnings.ts'

function listed(...texts: string[]): string[] {
  const list = new WarningList()
  for (const text of texts) list.add(text)
  return list.headers()
}

test('a warning is quoted, and said once', () => {
  expect(listed('unknown field "spec.x"', 'unknown field "spec.x"')).toEqual(['299 - "unknown field \\"spec.x\\""'])
})

test('what no header can hold is dropped', () => {
  expect(listed('a\nb', '\ud800', 'fine')).toEqual(['299 - "fine"'])
})

test('too much is cut to 256 characters each, and then to 4096 in all', () => {
  const headers = listed(...Array.from({ length: 40 }, (_, i) => String(i).padStart(300, 'x')))
  expect(headers).toHaveLength(16)
  expect(headers[0]).toHaveLength('299 - ""'.length + 256)
})
