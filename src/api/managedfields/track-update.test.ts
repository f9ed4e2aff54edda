import { describe, expect, test } from 'vitest'
import { normalize } from '../normalize.ts'
import type { KubeObject } from '../object.ts'
import { copyJson } from '../patch/json-value.ts'
import { recordedExchanges } from '../patch/recorded-exchanges.ts'
import { builtinSchemas } from '../schemas.ts'
import { keepTimesWhenUnchanged } from './keep-times.ts'
import { type TrackUpdate, trackUpdate } from './track-update.ts'

const SCENARIOS = [
  'sa-crud',
  'sa-patch',
  'sa-write-options',
  'core-objects',
  'secrets',
  'workloads',
  'rbac-objects',
  'pods',
  'strategic-merge',
  'admission-pods',
  'csr',
  'node',
  'namespaces',
  'garbage-collection',
  'legacy-secrets',
]

/** What is set after the owners are: by admission, by strategies, by allocation. */
const SET_LATER: Record<string, { metadata?: string[]; spec?: string[] }> = {
  Pod: {
    metadata: ['labels'],
    spec: ['preemptionPolicy', 'priority', 'tolerations', 'serviceAccount', 'serviceAccountName', 'imagePullSecrets', 'volumes'],
  },
  Service: { spec: ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] },
  Node: { spec: ['taints'] },
  Namespace: { spec: ['finalizers'] },
  PersistentVolumeClaim: { metadata: ['finalizers'] },
  CertificateSigningRequest: { spec: ['username', 'uid', 'groups', 'extra'] },
}

/** An answer as it was when its owners were determined. */
function beforeAdmission(answer: any, body: any): KubeObject {
  const object = copyJson(answer)
  delete object.metadata.managedFields
  for (const part of ['metadata', 'spec'] as const) {
    for (const member of SET_LATER[answer.kind]?.[part] ?? []) {
      if (body[part]?.[member] === undefined) delete object[part][member]
      else object[part][member] = object[part][member].slice?.(0, body[part][member].length) ?? object[part][member]
    }
  }
  // Each of the two names stands for the other as well.
  const { serviceAccount = answer.spec?.serviceAccount, serviceAccountName = serviceAccount } = body.spec ?? {}
  if (answer.kind === 'Pod' && (body.spec.serviceAccount ?? body.spec.serviceAccountName))
    Object.assign(object.spec, { serviceAccount, serviceAccountName })
  for (const [i, container] of [...(object.spec?.containers ?? []), ...(object.spec?.initContainers ?? [])].entries()) {
    const sent = [...(body.spec.containers ?? []), ...(body.spec.initContainers ?? [])][i]
    if (sent.volumeMounts === undefined) delete container.volumeMounts
    else container.volumeMounts.length = sent.volumeMounts.length
  }
  for (const port of answer.kind === 'Service' ? (object.spec.ports ?? []) : [])
    if (!JSON.stringify(body).includes('nodePort')) delete port.nodePort
  if (Array.isArray(body.rules)) object.rules = body.rules
  return object
}

describe('trackUpdate() gives what kube-apiserver recorded on create', async () => {
  for (const scenario of SCENARIOS) {
    for (const { name, answer, method, status, body } of await recordedExchanges(scenario)) {
      const entries = answer?.metadata?.managedFields
      const recorded = Array.isArray(entries) ? entries.filter((entry) => entry.operation === 'Update' && !entry.subresource) : undefined
      if (method !== 'POST' || status !== 201 || typeof body !== 'object' || recorded?.length !== 1) continue
      test(`${scenario}: ${name}`, () => {
        const [version, group = ''] = answer.apiVersion.split('/').toReversed()
        const after = beforeAdmission(answer, body)
        const schema = builtinSchemas.byKind(group, version, answer.kind)!
        const resetPaths = schema.fields.has('status') ? ['status'] : []
        trackUpdate({
          before: undefined,
          after,
          schema,
          schemas: builtinSchemas,
          manager: recorded[0].manager,
          subresource: '',
          apiVersion: answer.apiVersion,
          nowMs: Date.UTC(2026),
          resetPaths,
        })
        expect(after.metadata!.managedFields).toEqual(recorded)
      })
    }
  }
})

describe('trackUpdate()', () => {
  const schema = builtinSchemas.byKind('', 'v1', 'ConfigMap')!
  const update = (before: KubeObject | undefined, changes: any, options: Partial<TrackUpdate> = {}): KubeObject => {
    const after = normalize(schema, {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      ...before,
      ...changes,
      metadata: { name: 'c', uid: 'u', ...before?.metadata, ...changes.metadata },
    }).object
    if (before === undefined) delete after.metadata.uid
    if (changes.metadata?.managedFields) after.metadata.managedFields = changes.metadata.managedFields
    trackUpdate({
      before,
      after,
      schema,
      schemas: builtinSchemas,
      manager: 'm',
      subresource: '',
      apiVersion: 'v1',
      nowMs: Date.UTC(2026),
      ...options,
    })
    after.metadata.uid = 'u'
    return after
  }
  const owners = (object: KubeObject): unknown => object.metadata?.managedFields?.map(({ manager, fieldsV1 }) => ({ manager, fieldsV1 }))
  const created = update(undefined, { data: { a: '1', b: '1' } })

  test('gives changed fields to who changed them and removed fields to nobody', () => {
    const updated = update(created, { data: { a: '2', c: '1' } }, { manager: 'n', nowMs: Date.UTC(2027) })
    expect(updated.metadata!.managedFields).toEqual([
      {
        manager: 'm',
        operation: 'Update',
        apiVersion: 'v1',
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': {} },
      },
      {
        manager: 'n',
        operation: 'Update',
        apiVersion: 'v1',
        time: '2027-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { 'f:a': {}, 'f:c': {} } },
      },
    ])
  })

  test('leaves owners and times when nothing changes', () => {
    expect(update(created, {}, { manager: 'n', nowMs: Date.UTC(2027) }).metadata!.managedFields).toEqual(created.metadata!.managedFields)
  })

  test('forgets all owners for an empty list and for a list of one empty entry, and tracks nothing from then on', () => {
    for (const managedFields of [[], [{}]]) {
      const untracked = update(created, { metadata: { managedFields } })
      expect(untracked.metadata).not.toHaveProperty('managedFields')
      expect(update(untracked, { data: { z: '1' } }).metadata).not.toHaveProperty('managedFields')
    }
  })

  test('keeps the stored owners when those sent are nonsense or through a subresource', () => {
    const sent = [{ manager: 'x', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': { 'f:a': {} } } }]
    expect(owners(update(created, { metadata: { managedFields: sent } }))).toEqual([
      { manager: 'x', fieldsV1: { 'f:data': { 'f:a': {} } } },
    ])
    expect(owners(update(created, { metadata: { managedFields: sent } }, { subresource: 'status' }))).toEqual(owners(created))
    for (const wrong of [
      { operation: 'Jump' },
      { apiVersion: '' },
      { fieldsType: 'FieldsV2' },
      { fieldsV1: { x: {} } },
      { fieldsV1: { 'k:nothing': {} } },
    ]) {
      expect(owners(update(created, { metadata: { managedFields: [{ ...sent[0], ...wrong }] } }))).toEqual(owners(created))
    }
  })

  test('reads sets that a client wrote its own way', () => {
    const fieldsV1 = {
      'f:data': { 'f:b': null, 'f:a': { '.': {} } },
      'z:unknown': {},
      'f:metadata': { 'f:ownerReferences': { 'k:{ "uid" : "u" }': {} } },
    }
    const sent = [{ manager: 'x', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1 }]
    const text = JSON.stringify(update(created, { metadata: { managedFields: sent } }).metadata!.managedFields![0]!.fieldsV1)
    expect(text).toBe('{"f:data":{"f:a":{},"f:b":{}},"f:metadata":{"f:ownerReferences":{"k:{\\"uid\\":\\"u\\"}":{}}}}')
  })

  test('merges the oldest Update entries when there are more than ten', () => {
    let object = created
    for (let i = 0; i < 12; i++)
      object = update(object, { data: { ...object['data'], [`k${i}`]: '1' } }, { manager: `m${i}`, nowMs: Date.UTC(2026, 1, i + 1) })
    const entries = object.metadata!.managedFields!
    expect(entries).toHaveLength(10)
    expect(entries[0]).toMatchObject({ manager: 'ancient-changes', operation: 'Update', time: '2026-02-03T00:00:00Z' })
    expect(entries[0]!.fieldsV1).toEqual({ 'f:data': { '.': {}, 'f:a': {}, 'f:b': {}, 'f:k0': {}, 'f:k1': {}, 'f:k2': {} } })
  })

  test('drops entries of versions that nobody knows', () => {
    const other = { ...created.metadata!.managedFields![0]!, apiVersion: 'v0' }
    expect(update({ ...created, metadata: { ...created.metadata, managedFields: [other] } }, { data: {} }).metadata).not.toHaveProperty(
      'managedFields',
    )
  })

  test('compares in the version that an entry was written in', () => {
    const entry = { ...created.metadata!.managedFields![0]!, apiVersion: 'v0', fieldsV1: { 'f:data': { 'f:old-a': {}, 'f:old-b': {} } } }
    const convert = (object: KubeObject): KubeObject => ({
      ...object,
      data: Object.fromEntries(Object.entries(object['data'] ?? {}).map(([key, value]) => [`old-${key}`, value])),
    })
    const before = { ...created, metadata: { ...created.metadata, managedFields: [entry] } }
    const after = update(before, { data: { a: '2', b: '1' } }, { manager: 'n', otherVersion: () => ({ schema, convert, back: convert }) })
    expect(owners(after)).toContainEqual({ manager: 'm', fieldsV1: { 'f:data': { 'f:old-b': {} } } })
  })

  test('tracks nobody while list items cannot be told apart, and takes repeated ones for one', () => {
    const pod = builtinSchemas.byKind('', 'v1', 'Pod')!
    const track = (finalizers: unknown): unknown => {
      const after = { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'p', finalizers } } as KubeObject
      trackUpdate({
        before: undefined,
        after,
        schema: pod,
        schemas: builtinSchemas,
        manager: 'm',
        subresource: '',
        apiVersion: 'v1',
        nowMs: 0,
      })
      return after.metadata!.managedFields?.[0]?.fieldsV1?.['f:metadata']
    }
    expect(track(['a', 'a', 'b'])).toEqual({ 'f:finalizers': { '.': {}, 'v:"a"': {}, 'v:"b"': {} } })
    expect(track([['a']])).toBeUndefined()
  })

  test('keepTimesWhenUnchanged() sees a field that is owned no more, although nothing is below it', () => {
    const of = (fields: Record<string, object>, time: string): KubeObject => ({
      metadata: { managedFields: [{ manager: 'm', operation: 'Apply', apiVersion: 'v1', time, fieldsType: 'FieldsV1', fieldsV1: fields }] },
    })
    const after = of({ 'f:spec': {} }, '2026-01-01T00:00:02Z')
    keepTimesWhenUnchanged(of({ 'f:spec': { 'f:emptyDir': {} } }, '2026-01-01T00:00:01Z'), after)
    expect(after).toEqual(of({ 'f:spec': {} }, '2026-01-01T00:00:02Z'))
  })

  test('keepTimesWhenUnchanged() puts times back only when they are the only difference', () => {
    const stamped = (time: string, data: object): KubeObject => ({
      ...created,
      data,
      metadata: { ...created.metadata, managedFields: [{ ...created.metadata!.managedFields![0]!, time }] },
    })
    const before = stamped('2026-01-01T00:00:00Z', { a: '1' })
    const same = stamped('2027-01-01T00:00:00Z', { a: '1' })
    const other = stamped('2027-01-01T00:00:00Z', { a: '2' })
    keepTimesWhenUnchanged(before, same)
    keepTimesWhenUnchanged(before, other)
    expect([same.metadata!.managedFields![0]!.time, other.metadata!.managedFields![0]!.time]).toEqual([
      '2026-01-01T00:00:00Z',
      '2027-01-01T00:00:00Z',
    ])
  })
})

test('an empty list that is always written belongs to whoever wrote it, and is not in the object', () => {
  const schema = builtinSchemas.byKind('rbac.authorization.k8s.io', 'v1', 'ClusterRole')!
  const fieldsOf = (body: object) => {
    const after = normalize(schema, { metadata: { name: 'r' }, ...body }).object
    trackUpdate({
      before: undefined,
      after,
      schema,
      schemas: builtinSchemas,
      manager: 'm',
      subresource: '',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      nowMs: 0,
    })
    expect(after.rules).toBeUndefined()
    return after.metadata.managedFields?.[0].fieldsV1
  }
  expect(fieldsOf({ rules: [] })).toEqual({ 'f:rules': {} })
  expect(fieldsOf({})).toBeUndefined()
})
