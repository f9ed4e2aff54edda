import { describe, expect, test } from 'vitest'
import type { ValueType } from './schema.ts'
import { builtinSchemas } from './schemas.ts'

function structIn(type: ValueType): string | undefined {
  if (type.kind === 'struct') return type.name
  if (type.kind === 'list') return structIn(type.items)
  return type.kind === 'map' ? structIn(type.values) : undefined
}

describe('builtinSchemas', () => {
  test('knows every struct that another one is made of', () => {
    for (const name of builtinSchemas.names()) {
      for (const field of builtinSchemas.struct(name)?.fields.values() ?? []) {
        const inner = structIn(field.type)
        if (inner !== undefined) expect(builtinSchemas.struct(inner), `${name}.${field.name}`).toBeDefined()
      }
    }
  })

  test('gives each member of a message a number of its own', () => {
    for (const name of builtinSchemas.names()) {
      const seen = new Set<string>()
      for (const { name: member, number, embedded = [] } of builtinSchemas.struct(name)?.fields.values() ?? []) {
        if (number === undefined) continue
        const place = [...embedded.map((step) => step.number), number].join('.')
        expect(seen.has(place), `${name}.${member} at ${place}`).toBe(false)
        seen.add(place)
      }
    }
  })

  test('finds kinds by group and version', () => {
    expect(builtinSchemas.byKind('', 'v1', 'Pod')?.name).toBe('io.k8s.api.core.v1.Pod')
    expect(builtinSchemas.byKind('rbac.authorization.k8s.io', 'v1', 'Role')?.name).toBe('io.k8s.api.rbac.v1.Role')
    expect(builtinSchemas.byKind('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition')).toBeDefined()
    expect(builtinSchemas.byKind('apps', 'v1', 'DeleteOptions')?.name).toBe('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions')
    expect(builtinSchemas.byKind('apps', 'v1', 'Pod')).toBeUndefined()
    expect(builtinSchemas.byKind('example.com', 'v1', 'Pod')).toBeUndefined()
    expect(builtinSchemas.byKind('', 'v1', 'ObjectMeta')).toBeUndefined()
  })

  test('is asked for names that clients choose without harm', () => {
    for (const group of ['../../package', '__proto__', 'constructor', 'io.k8s'])
      expect(builtinSchemas.byKind(group, 'v1', 'toString')).toBeUndefined()
    expect(builtinSchemas.struct('io.k8s.api.core.__proto__')).toBeUndefined()
  })

  test('tells registered versions that are not served from unknown ones', () => {
    expect(builtinSchemas.registered('authentication.k8s.io', 'v1beta1', 'TokenReview')).toBe(true)
    expect(builtinSchemas.registered('', 'v2', 'Pod')).toBe(false)
  })

  test('has the members in the order of Go, embedded ones where they are embedded', () => {
    const volume = builtinSchemas.struct('io.k8s.api.core.v1.Volume')!
    expect([...volume.fields.keys()].slice(0, 3)).toEqual(['name', 'hostPath', 'emptyDir'])
    expect(volume.fields.get('emptyDir')).toMatchObject({ number: 2, pointer: true, embedded: [{ name: 'VolumeSource', number: 2 }] })
    const pod = builtinSchemas.byKind('', 'v1', 'Pod')!
    expect([...pod.fields.values()].map(({ name, always }) => [name, always])).toEqual([
      ['kind', false],
      ['apiVersion', false],
      ['metadata', true],
      ['spec', true],
      ['status', true],
    ])
  })
})
