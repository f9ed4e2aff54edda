import { expect, test } from 'vitest'
import { layoutCodec } from '../cache/layout.ts'
import { openCache } from '../cache/live-cache.ts'
import { memoryStore } from '../storage/memory.ts'
import { manualClock } from '../storage/store.conformance.ts'
import { anyNamespace, anyRoleRef, anyRules, anySubjects, BINDING_NAMES, pick, type Random, ROLE_NAMES, seeded } from './arbitrary.ts'
import { RBAC_CACHES } from './follow.ts'
import { RbacIndex } from './index.ts'

const KINDS: Readonly<Record<string, string>> = {
  clusterroles: 'ClusterRole',
  roles: 'Role',
  clusterrolebindings: 'ClusterRoleBinding',
  rolebindings: 'RoleBinding',
}

async function openWorld() {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const cache = await openCache(store, clock)
  for (const id of RBAC_CACHES) await cache.register(id, `/${id}/`, layoutCodec())
  /** Creates, replaces or, without an object, deletes. */
  const write = async (resource: string, namespace: string, name: string, object: object | undefined) => {
    const key = `/rbac.authorization.k8s.io/v1/${resource}/${namespace === '' ? name : `${namespace}/${name}`}`
    const value = Buffer.from(
      JSON.stringify({
        kind: KINDS[resource],
        apiVersion: 'rbac.authorization.k8s.io/v1',
        metadata: { name, ...(namespace && { namespace }) },
        ...object,
      }),
    )
    const present = await store.get(key)
    if (object === undefined) return present === undefined ? undefined : store.delete(key, present.revision)
    return present === undefined ? store.create(key, value) : store.update(key, value, present.revision)
  }
  return { cache, write }
}

async function randomWrite(write: Awaited<ReturnType<typeof openWorld>>['write'], random: Random): Promise<void> {
  const namespace = anyNamespace(random)
  const gone = random() < 0.35
  if (random() < 0.5)
    await write(
      namespace === '' ? 'clusterroles' : 'roles',
      namespace,
      pick(random, ROLE_NAMES),
      gone ? undefined : { rules: anyRules(random) },
    )
  else
    await write(
      namespace === '' ? 'clusterrolebindings' : 'rolebindings',
      namespace,
      pick(random, BINDING_NAMES),
      gone ? undefined : { roleRef: anyRoleRef(random), subjects: anySubjects(random) },
    )
}

test('an index that followed all writes equals one that begins to follow now', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = seeded(seed)
    const { cache, write } = await openWorld()
    const index = new RbacIndex()
    index.follow(cache)
    for (let i = 0; i < 60; i++) await randomWrite(write, random)
    const late = new RbacIndex()
    late.follow(cache)
    expect(index.describe()).toEqual(late.describe())
  }
})

test('a grant counts as soon as its write is acknowledged, and a deletion likewise', async () => {
  const { cache, write } = await openWorld()
  const index = new RbacIndex()
  const following = index.follow(cache)
  const jane = { username: 'jane', groups: [] }
  const get = { verb: 'get', isResource: true, apiGroup: '', resource: 'pods', subresource: '', name: '', path: '' }
  const role = { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] }
  const binding = {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' },
    subjects: [{ kind: 'User', name: 'jane' }],
  }
  await write('clusterrolebindings', '', 'b', binding)
  expect(index.decide(jane, '', get)).toMatchObject({ allowed: false })
  await write('clusterroles', '', 'reader', role)
  expect(index.decide(jane, '', get)).toMatchObject({ allowed: true })
  await write('clusterrolebindings', '', 'b', undefined)
  expect(index.decide(jane, '', get)).toEqual({ allowed: false, errors: [] })
  following.close()
  await write('clusterrolebindings', '', 'b', binding)
  expect(index.decide(jane, '', get)).toEqual({ allowed: false, errors: [] })
})
