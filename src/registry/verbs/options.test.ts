import { describe, expect, test } from 'vitest'
import { deleteOptions, isPrintable, managerName, matchNamespace, writeOptions } from './options.ts'

const query = (text: string) => new URLSearchParams(text)

describe('managerName()', () => {
  const rows: [name: string, fieldManager: string, userAgent: string, want: string][] = [
    ['is the field manager where one is given', 'me', 'kubectl/v1.32', 'me'],
    ['is the User-Agent up to the first slash', '', 'kubectl/v1.32.5 (linux/amd64) kubernetes/abc', 'kubectl'],
    ['is unknown without either', '', '', 'unknown'],
    ['leaves out what cannot be printed', '', 'a\u0007b/1', 'ab'],
    ['is at most 128 bytes', '', 'ü'.repeat(100), 'ü'.repeat(64)],
  ]
  for (const [name, fieldManager, userAgent, want] of rows) test(name, () => expect(managerName(fieldManager, userAgent)).toBe(want))
})

test('isPrintable() is Go’s: letters, marks, numbers, signs and the blank', () => {
  expect([...'aé 1!'].every(isPrintable)).toBe(true)
  expect([...'\n\u200b\u0000'].some(isPrintable)).toBe(false)
})

describe('writeOptions()', () => {
  test('without a query warns and writes', () => {
    expect(writeOptions(query(''), 'CreateOptions')).toMatchObject({ dryRun: false, fieldValidation: 'Warn', fieldManager: '' })
  })
  const refused: [text: string, kind: 'CreateOptions' | 'PatchOptions', apply: boolean, message: string][] = [
    [
      'dryRun=x',
      'CreateOptions',
      false,
      'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["x"]: supported values: "All"',
    ],
    [
      'fieldValidation=x',
      'CreateOptions',
      false,
      'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "x": supported values: "", "Ignore", "Strict", "Warn"',
    ],
    [
      'force=true',
      'PatchOptions',
      false,
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    ],
    ['', 'PatchOptions', true, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'],
  ]
  for (const [text, kind, apply, message] of refused)
    test(`refuses ?${text} of ${kind}`, () => expect(() => writeOptions(query(text), kind, apply)).toThrow(message))
})

describe('deleteOptions()', () => {
  test('a body replaces the query', () => {
    expect(deleteOptions({ gracePeriodSeconds: 5 }, query('gracePeriodSeconds=9')).gracePeriodSeconds).toBe(5)
    expect(deleteOptions(undefined, query('gracePeriodSeconds=9')).gracePeriodSeconds).toBe(9)
  })
  test('a negative grace is one second', () => {
    expect(deleteOptions({ gracePeriodSeconds: -1 }, query('')).gracePeriodSeconds).toBe(1)
  })
  test('refuses both ways to say what becomes of dependents', () => {
    expect(() => deleteOptions({ orphanDependents: true, propagationPolicy: 'Orphan' }, query(''))).toThrow(
      'orphanDependents and deletionPropagation cannot be both set',
    )
  })
})

describe('matchNamespace()', () => {
  test('fills in what is missing, clears what cannot be, refuses what contradicts', () => {
    const object = { metadata: {} as { namespace?: string } }
    matchNamespace(object, 'a')
    expect(object.metadata.namespace).toBe('a')
    expect(() => matchNamespace(object, 'b')).toThrow(
      'the namespace of the provided object does not match the namespace sent on the request',
    )
    matchNamespace(object, '')
    expect(object.metadata.namespace).toBeUndefined()
  })
})
