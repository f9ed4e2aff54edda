import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import { AUTO_UPDATE, bootstrapObjects, primedObjects, reconcile } from './bootstrap.ts'

const rule = (...verbs: string[]) => ({ verbs, apiGroups: [''], resources: ['pods'] })
const role = (more: object = {}): KubeObject => ({
  kind: 'ClusterRole',
  metadata: { name: 'r', labels: { a: 'b' } },
  rules: [rule('get', 'list')],
  ...more,
})
const binding = (more: object = {}): KubeObject => ({
  kind: 'ClusterRoleBinding',
  metadata: { name: 'b' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'r' },
  subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'g' }],
  ...more,
})

describe('bootstrapObjects()', () => {
  test('is Kubernetes default policy, and the caller own copy', () => {
    const objects = bootstrapObjects()
    const count = (kind: string) => objects.filter((object) => object.kind === kind).length
    expect(['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'].map(count)).toEqual([69, 50, 7, 7])
    expect(
      objects.every(
        ({ metadata }) =>
          metadata?.labels?.['kubernetes.io/bootstrapping'] === 'rbac-defaults' && metadata.annotations?.[AUTO_UPDATE] === 'true',
      ),
    ).toBe(true)
    objects[0]!.metadata!.name = 'changed'
    expect(bootstrapObjects()[0]?.metadata?.name).toBe('admin')
  })
})

describe('reconcile()', () => {
  test('creates what is missing, and leaves what is right', () => {
    expect(reconcile(undefined, role())).toEqual({ operation: 'create', object: role() })
    for (const object of bootstrapObjects()) expect(reconcile(structuredClone(object), object)).toBeUndefined()
  })

  test('adds missing rules in atoms, and keeps extra ones', () => {
    const existing = role({ rules: [rule('get', 'delete')] })
    expect(reconcile(existing, role())).toEqual({ operation: 'update', object: role({ rules: [rule('get', 'delete'), rule('list')] }) })
    expect(existing['rules']).toEqual([rule('get', 'delete')])
  })

  test('adds labels and annotations, and keeps values that are there', () => {
    const wanted = role({ metadata: { name: 'r', labels: { a: 'other', c: 'd' }, annotations: { x: 'y' } } })
    expect(reconcile(role(), wanted)).toEqual({
      operation: 'update',
      object: role({ metadata: { name: 'r', labels: { a: 'b', c: 'd' }, annotations: { x: 'y' } } }),
    })
  })

  test('adds selectors to an aggregation, and takes away one that nobody wants', () => {
    const aggregated = (...labels: string[]) =>
      role({ aggregationRule: { clusterRoleSelectors: labels.map((label) => ({ matchLabels: { [label]: 'true' } })) } })
    expect(reconcile(aggregated('x'), aggregated('y'))).toEqual({ operation: 'update', object: aggregated('x', 'y') })
    expect(reconcile(aggregated('x'), role())).toEqual({ operation: 'update', object: role() })
  })

  test('adds missing subjects, keeps extra ones, and makes a binding of another role anew', () => {
    const mine = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'me' }
    expect(reconcile(binding({ subjects: [mine] }), binding())).toEqual({
      operation: 'update',
      object: binding({ subjects: [mine, ...binding()['subjects']] }),
    })
    const other = binding({ roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'other' } })
    expect(reconcile(other, binding())).toEqual({ operation: 'recreate', object: binding() })
  })

  test('touches nothing that opted out', () => {
    const metadata = { name: 'x', annotations: { [AUTO_UPDATE]: 'false' } }
    expect(reconcile(role({ metadata, rules: [] }), role())).toBeUndefined()
    expect(reconcile(binding({ metadata, roleRef: {} }), binding())).toBeUndefined()
  })
})

describe('primedObjects()', () => {
  const store = (...objects: KubeObject[]) =>
    primedObjects((kind, name) => objects.find((object) => object.kind === kind && object.metadata?.name === name))

  test('is empty in a fresh cluster and in one of today', () => {
    expect(store()).toEqual([])
    expect(store(...bootstrapObjects())).toEqual([])
  })

  test('moves what people changed in roles and bindings of old releases along', () => {
    const old = {
      kind: 'ClusterRole',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: { name: 'view', uid: 'u', labels: { a: 'b' } },
      rules: [rule('fly')],
    }
    const discovery = binding({ metadata: { name: 'system:discovery', annotations: { x: 'y' } } })
    const [viewer, open] = store(old, discovery)
    expect(viewer).toEqual({ ...old, metadata: { name: 'system:aggregate-to-view', labels: { a: 'b' }, annotations: undefined } })
    expect(open).toMatchObject({
      metadata: { name: 'system:public-info-viewer', annotations: { x: 'y' } },
      roleRef: { name: 'system:public-info-viewer' },
      subjects: discovery['subjects'],
    })
  })
})
