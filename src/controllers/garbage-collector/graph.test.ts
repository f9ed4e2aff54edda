import { describe, expect, test } from 'vitest'
import type { ObjectMeta } from '../../api/types/meta/v1.ts'
import type { CachedObject, CacheEvent } from '../../cache/cache.ts'
import type { ServedResource } from '../served-resources.ts'
import { OwnerGraph } from './graph.ts'

const resource = { cache: { id: 'v1/configmaps' } } as ServedResource
const uidOf = (name: string) => name.padEnd(36, '0')
const owner = (name: string, blockOwnerDeletion?: boolean) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name,
  uid: uidOf(name),
  ...(blockOwnerDeletion !== undefined && { blockOwnerDeletion }),
})

/** A graph over objects that the test changes, and what it asked for. */
function world() {
  const present = new Map<string, CachedObject>()
  const asked: string[] = []
  const graph = new OwnerGraph(
    {
      attemptToDelete: ({ key }) => asked.push(`delete ${key}`),
      attemptToOrphan: ({ key }) => asked.push(`orphan ${key}`),
      ownerNotFound: ({ key }, { name }) => asked.push(`${key} without ${name}`),
    },
    {
      find({ name, uid }) {
        const found = present.get(`x/${name}`)
        const metadata = found?.object.metadata
        return metadata?.uid === uid ? { item: { resource: resource.cache.id, key: `x/${name}`, uid }, metadata } : undefined
      },
    },
  )
  const state = (name: string, more: ObjectMeta): CachedObject => {
    const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, namespace: 'x', uid: uidOf(name), ...more } }
    const bytes = Buffer.from(JSON.stringify(object))
    return { key: `x/${name}`, revision: 1, bytes, object, decode: () => structuredClone(object) }
  }
  const put = (name: string, more: ObjectMeta = {}) => {
    const object = state(name, more)
    const previous = present.get(object.key)
    present.set(object.key, object)
    graph.observe(resource, { type: previous === undefined ? 'ADDED' : 'MODIFIED', object, previous } as CacheEvent)
  }
  const remove = (name: string) => {
    const object = present.get(`x/${name}`)!
    present.delete(object.key)
    graph.observe(resource, { type: 'DELETED', object, previous: object } as CacheEvent)
  }
  return { graph, put, remove, asked: () => asked.splice(0) }
}
const ending = (finalizer: string) => ({ deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [finalizer] })

describe('OwnerGraph', () => {
  test('keeps nothing of objects without owners', () => {
    const { graph, put, remove, asked } = world()
    put('a')
    put('a', { labels: { b: 'c' } })
    remove('a')
    expect(graph.size).toBe(0)
    expect(asked()).toEqual([])
  })

  test('asks for the dependents of what goes', () => {
    const { graph, put, remove, asked } = world()
    put('a')
    put('b', { ownerReferences: [owner('a')] })
    expect(asked()).toEqual([])
    remove('a')
    expect(asked()).toEqual(['delete x/b'])
    remove('b')
    expect(graph.size).toBe(0)
    expect(graph.hasDependents(uidOf('a'))).toBe(false)
  })

  test('tells of owners that are not there', () => {
    const { put, asked } = world()
    put('b', { ownerReferences: [owner('a')] })
    expect(asked()).toEqual(['x/b without a', 'delete x/b'])
    put('b', { ownerReferences: [owner('a')], labels: { c: 'd' } })
    expect(asked()).toEqual([])
  })

  test('asks for all when an owner is deleted in the foreground, once', () => {
    const { put, asked } = world()
    put('a')
    put('b', { ownerReferences: [owner('a', true)] })
    put('a', ending('foregroundDeletion'))
    expect(asked()).toEqual(['delete x/b', 'delete x/a'])
    put('a', { ...ending('foregroundDeletion'), labels: { c: 'd' } })
    expect(asked()).toEqual([])
  })

  test.each([
    ['stops blocking', { ownerReferences: [owner('a', false)] }],
    ['lets go of it', {}],
  ])('asks for an owner that waits when a dependent %s', (_, change) => {
    const { graph, put, asked } = world()
    put('a', ending('foregroundDeletion'))
    put('b', { ownerReferences: [owner('a', true)] })
    expect(graph.blockingDependentsOf(uidOf('a'))).toHaveLength(1)
    asked()
    put('b', change)
    expect(new Set(asked())).toEqual(new Set(['delete x/a']))
    expect(graph.blockingDependentsOf(uidOf('a'))).toHaveLength(0)
  })

  test('asks for orphans to be made', () => {
    const { put, asked } = world()
    put('a', ending('orphan'))
    expect(asked()).toEqual(['orphan x/a'])
  })

  test('notices another object under the same name', () => {
    const { put, asked } = world()
    put('a')
    put('b', { ownerReferences: [owner('a')] })
    put('a', { uid: uidOf('other') })
    expect(asked()).toEqual(['delete x/b'])
  })
})
