import { describe, expect, test } from 'vitest'
import { fieldErrorText } from './field.ts'
import { validateFieldManager, validateKubeFinalizers, validateObjectMeta, validateObjectMetaUpdate } from './metadata.ts'
import { subdomainName } from './names.ts'
import type { ObjectMeta } from './types/meta/v1.ts'

const errors = (meta: ObjectMeta, namespaced = true): string[] =>
  validateObjectMeta(meta, { namespaced, validateName: subdomainName }).map(fieldErrorText)
const fine: ObjectMeta = { name: 'a', namespace: 'default' }

describe('validateObjectMeta()', () => {
  test('finds nothing wrong with ordinary metadata', () => {
    expect(
      errors({ ...fine, generateName: 'a-', labels: { 'x.io/y': '' }, annotations: { 'X/Y': 'any thing' }, finalizers: ['a/b'] }),
    ).toEqual([])
  })

  const cases: [what: string, meta: ObjectMeta, texts: string[]][] = [
    ['a missing name', { namespace: 'default' }, ['metadata.name: Required value: name or generateName is required']],
    ['a missing namespace', { name: 'a' }, ['metadata.namespace: Required value']],
    ['a negative generation', { ...fine, generation: -1 }, ['metadata.generation: Invalid value: -1: must be greater than or equal to 0']],
    [
      'owners that are not complete',
      { ...fine, ownerReferences: [{ apiVersion: '', kind: '', name: '', uid: '' }] },
      [
        'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
        'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
        'metadata.ownerReferences.name: Invalid value: "": must not be empty',
        'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
      ],
    ],
    [
      'an event as owner',
      { ...fine, ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'e', uid: 'u' }] },
      [
        'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"e","uid":"u"}: /v1, Kind=Event is disallowed from being an owner',
      ],
    ],
    [
      'two controllers',
      {
        ...fine,
        ownerReferences: ['x', 'y'].map((name) => ({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid: name, controller: true })),
      },
      [
        'metadata.ownerReferences: Invalid value: [{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"x","uid":"x","controller":true},{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"y","uid":"y","controller":true}]: Only one reference can have Controller set to true. Found "true" in references for ReplicaSet/x and ReplicaSet/y',
      ],
    ],
    [
      'both ways of treating dependents',
      { ...fine, finalizers: ['orphan', 'foregroundDeletion'] },
      ['metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set'],
    ],
    [
      'too many annotations',
      { ...fine, annotations: { a: 'x'.repeat(262144) } },
      ['metadata.annotations: Too long: may not be more than 262144 bytes'],
    ],
    [
      'managed fields of another kind',
      { ...fine, managedFields: [{ operation: 'Patch', fieldsType: 'FieldsV2' }] },
      [
        'metadata.managedFields[0].operation: Invalid value: "Patch": must be `Apply` or `Update`',
        'metadata.managedFields[0].fieldsType: Invalid value: "FieldsV2": must be `FieldsV1`',
      ],
    ],
  ]
  for (const [what, meta, texts] of cases) test(`finds ${what}`, () => expect(errors(meta)).toEqual(texts))

  test('finds labels that are none', () => {
    const [key, value] = errors({ ...fine, labels: { 'a b': 'c', d: 'e f' } })
    expect(key).toMatch(/^metadata\.labels: Invalid value: "a b": name part must consist of/)
    expect(value).toMatch(/^metadata\.labels: Invalid value: "e f": a valid label must be an empty string or/)
  })

  test('has no namespace on cluster-scoped objects', () => {
    expect(errors({ name: 'a' }, false)).toEqual([])
    expect(errors(fine, false)).toEqual(['metadata.namespace: Forbidden: not allowed on this type'])
  })
})

describe('validateObjectMetaUpdate()', () => {
  const old: ObjectMeta = {
    name: 'a',
    namespace: 'n',
    uid: 'u',
    resourceVersion: '5',
    generation: 2,
    creationTimestamp: '2024-01-02T03:04:05Z',
  }
  const changes = (change: ObjectMeta, before: ObjectMeta = old): string[] =>
    validateObjectMetaUpdate({ ...old, ...change }, before).map(fieldErrorText)

  test('lets labels change', () => expect(changes({ labels: { a: 'b' } })).toEqual([]))
  test('wants a resourceVersion', () =>
    expect(changes({ resourceVersion: '' })).toEqual(['metadata.resourceVersion: Invalid value: "": must be specified for an update']))
  test('lets generation only grow', () =>
    expect(changes({ generation: 1 })).toEqual(['metadata.generation: Invalid value: 1: must not be decremented']))
  test('lets names and times be', () => {
    expect(changes({ name: 'b', uid: 'v', creationTimestamp: '2025-01-02T03:04:05Z' })).toEqual([
      'metadata.name: Invalid value: "b": field is immutable',
      'metadata.uid: Invalid value: "v": field is immutable',
      'metadata.creationTimestamp: Invalid value: "2025-01-02T03:04:05Z": field is immutable',
    ])
  })
  test('adds no finalizers to what is going away', () => {
    const dying = { ...old, deletionTimestamp: '2024-01-02T03:04:05Z', finalizers: ['x/y'] }
    expect(changes({ deletionTimestamp: dying.deletionTimestamp, finalizers: ['x/y', 'b/c', 'a/b'] }, dying)).toEqual([
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a/b", "b/c"}',
    ])
    expect(changes({ deletionTimestamp: dying.deletionTimestamp, finalizers: [] }, dying)).toEqual([])
  })
})

test('validateKubeFinalizers() wants a domain or a standard name', () => {
  expect(validateKubeFinalizers(['orphan', 'a/b', 'mine']).map(fieldErrorText)).toEqual([
    'metadata.finalizers[2]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
  ])
})

test('validateFieldManager() wants few and printable characters', () => {
  expect(validateFieldManager('kubectl apply', 'f')).toEqual([])
  expect(validateFieldManager('é\u0007', 'f').map(fieldErrorText)).toEqual([
    'f: Invalid value: "é\\a": invalid character U+0007 (at position 2)',
  ])
  expect(validateFieldManager('x'.repeat(129), 'f').map(fieldErrorText)).toEqual(['f: Too long: may not be more than 128 bytes'])
})
