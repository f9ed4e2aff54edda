import { describe, expect, test } from 'vitest'
import { applySchemaDefaults } from './defaults.ts'
import { builtinSchemas } from './schemas.ts'

describe('applySchemaDefaults()', () => {
  test('sets what is absent, at any depth, and leaves what is there', () => {
    const pod = builtinSchemas.byKind('', 'v1', 'Pod')!
    const object = {
      spec: {
        containers: [{ ports: [{ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }] }],
        volumes: [{ rbd: { image: 'i' } }],
      },
    }
    applySchemaDefaults(pod, object)
    expect(object.spec.containers).toEqual([
      {
        ports: [
          { containerPort: 80, protocol: 'TCP' },
          { containerPort: 53, protocol: 'UDP' },
        ],
      },
    ])
    expect(object.spec.volumes[0]?.rbd).toMatchObject({ image: 'i', pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' })
  })

  test('does the same when done twice', () => {
    const controller = builtinSchemas.byKind('', 'v1', 'ReplicationController')!
    const object: { spec: { replicas?: number } } = { spec: {} }
    applySchemaDefaults(controller, object)
    expect(object.spec.replicas).toBe(1)
    const before = structuredClone(object)
    applySchemaDefaults(controller, object)
    expect(object).toEqual(before)
  })

  test('keeps an explicit zero', () => {
    const object = { spec: { replicas: 0 } }
    applySchemaDefaults(builtinSchemas.byKind('', 'v1', 'ReplicationController')!, object)
    expect(object.spec.replicas).toBe(0)
  })

  test('does not touch kinds without defaults', () => {
    const object = { metadata: {}, rules: [{ verbs: ['get'] }] }
    applySchemaDefaults(builtinSchemas.byKind('rbac.authorization.k8s.io', 'v1', 'Role')!, object)
    expect(object).toEqual({ metadata: {}, rules: [{ verbs: ['get'] }] })
  })
})
