import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../api/object.ts'
import { isStatusError, type Status } from '../../api/status.ts'
import { rbacAuthorizer } from '../../authorization/rbac.ts'
import { aggregatedRules } from '../../rbac/aggregation.ts'
import { bootstrapObjects } from '../../rbac/bootstrap.ts'
import { RbacIndex } from '../../rbac/index.ts'
import type { World, Write } from '../resource.ts'
import { checkEscalation, type RbacResource } from './escalation.ts'

const GOLDEN = join(import.meta.dirname, '../../../test/golden')
const GROUP = 'rbac.authorization.k8s.io'

function worldOf(objects: readonly KubeObject[]): { index: RbacIndex; world: World } {
  const index = new RbacIndex()
  for (const { kind, metadata, rules, roleRef, subjects } of objects) {
    const { namespace = '', name = '' } = metadata ?? {}
    if (kind?.endsWith('Role')) index.setRole(namespace, name, rules ?? [])
    else index.setBinding(namespace, name, { roleRef, subjects: subjects ?? [] })
  }
  // Escalation looks at nothing else of the world.
  return { index, world: { authorizer: rbacAuthorizer(index), rbac: index } as World }
}

/** A fresh cluster whose aggregated roles are filled. */
function fresh(): KubeObject[] {
  const objects = bootstrapObjects()
  const roles = objects.filter(({ kind }) => kind === 'ClusterRole')
  for (let round = 0; round < 3; round++) for (const role of roles) role['rules'] = aggregatedRules(role, roles) ?? role['rules']
  return objects
}

function writeBy(world: World, username: string, groups: string[], namespace: string, name: string): Write {
  return { world, user: { username, groups }, namespace, name, subresource: '', verb: 'update', dryRun: false, warn() {}, nowMs: 0 }
}

async function refusal(check: Promise<void>): Promise<Status | undefined> {
  try {
    await check
    return undefined
  } catch (error) {
    if (isStatusError(error)) return error.status
    throw error
  }
}

type Step = { method: string; path: string; body: any; as?: string; name: string }

describe('checkEscalation()', () => {
  test('answers every write of the recorded scenario as kube-apiserver did', async () => {
    const make = (method: string) => (path: string, body: unknown, options: object) => ({ method, path, body, ...options })
    const patch = (_type: string, ...rest: [string, unknown, object]) => make('PATCH')(...rest)
    const { default: scenario } = await import(join(GOLDEN, 'scenarios/rbac-escalation.mjs'))
    const other = () => ({ method: 'none' })
    const steps: Step[] = scenario({ post: make('POST'), put: make('PUT'), patch, until: other, sleep: other }).steps
    const { exchanges } = JSON.parse(readFileSync(join(GOLDEN, 'recordings/rbac-escalation.json'), 'utf8'))
    const { index, world } = worldOf(fresh())
    const stored = new Map<string, KubeObject>()
    let compared = 0
    for (const { method, path, body, as, name: step } of steps) {
      const match = /namespaces\/([^/]+)\/(roles|rolebindings)(?:\/(.+))?$/.exec(path ?? '')
      if (match === null || method === 'none') continue
      const [, namespace = '', resource = ''] = match
      const name = match[3] ?? body.metadata.name
      const old = stored.get(`${resource}/${name}`)
      const object = method === 'PATCH' ? { ...old, ...body, metadata: { ...old?.metadata, ...body.metadata } } : body
      const recorded = exchanges.find((exchange: { step: string }) => exchange.step === step).response
      if (as === 'alice') {
        const write = writeBy(world, 'alice', ['devs', 'system:authenticated'], namespace, name)
        const got = await refusal(checkEscalation(resource as RbacResource, object, method === 'POST' ? undefined : old, write))
        expect({ step, got }).toEqual({ step, got: recorded.status < 400 ? undefined : recorded.body })
        compared++
      }
      if (recorded.status >= 400) continue
      stored.set(`${resource}/${name}`, object)
      if (resource === 'roles') index.setRole(namespace, name, object.rules ?? [])
      else index.setBinding(namespace, name, object)
    }
    expect(compared).toBeGreaterThan(30)
  })

  const admin = {
    apiVersion: `${GROUP}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'a' },
    roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: 'cluster-admin' },
  }
  const aggregated = { kind: 'ClusterRole', metadata: { name: 'x' }, aggregationRule: { clusterRoleSelectors: [{}] } }

  test('wants full authority for an aggregation rule, old or new', async () => {
    const { world } = worldOf(fresh())
    const write = writeBy(world, 'jane', [], '', 'x')
    const message = `clusterroles.${GROUP} "x" is forbidden: must have cluster-admin privileges to use the aggregationRule`
    expect(await refusal(checkEscalation('clusterroles', aggregated, undefined, write))).toMatchObject({ code: 403, message })
    const plain = { kind: 'ClusterRole', metadata: { name: 'x' } }
    expect(await refusal(checkEscalation('clusterroles', plain, aggregated, write))).toMatchObject({ message })
  })

  test('lets the garbage collector take owners and finalizers off whatever a role grants', async () => {
    const { world } = worldOf([])
    const rules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]
    const old = {
      kind: 'Role',
      metadata: { name: 'r', finalizers: ['x'], ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }] },
      rules,
    }
    const write = writeBy(world, 'gc', [], 'dev', 'r')
    expect(await refusal(checkEscalation('roles', { kind: 'Role', metadata: { name: 'r' }, rules }, old, write))).toBeUndefined()
    expect(
      await refusal(checkEscalation('roles', { kind: 'Role', metadata: { name: 'r', labels: { a: 'b' } }, rules }, old, write)),
    ).toMatchObject({ code: 403 })
  })

  test('lets system:masters grant anything, and look-alikes nothing', async () => {
    const { world } = worldOf(fresh())
    const of = (group: string) => refusal(checkEscalation('clusterrolebindings', admin, undefined, writeBy(world, 'x', [group], '', 'a')))
    expect(await of('system:masters')).toBeUndefined()
    for (const group of ['System:Masters', 'system:masters ', 'system:mаsters', 'system:masters\u200b'])
      expect(await of(group)).toMatchObject({ code: 403 })
  })

  test.each([
    [{ apiGroup: GROUP, kind: 'ClusterRole', name: '' }, 400, 'Name parameter required.'],
    [{ apiGroup: GROUP, kind: 'ClusterRole', name: 'a/b' }, 400, `Name parameter invalid: "a/b": may not contain '/'`],
    [{ apiGroup: GROUP, kind: 'Role', name: '..' }, 400, `Name parameter invalid: "..": may not be '..'`],
    [{ apiGroup: 'other', kind: 'ClusterRole', name: 'cluster-admin' }, 403, 'not currently held'],
  ])('refuses %j of a binder of cluster-admin as kube-apiserver does', async (roleRef, code, message) => {
    const { world } = worldOf([
      ...fresh(),
      {
        kind: 'ClusterRole',
        metadata: { name: 'binder' },
        rules: [{ verbs: ['bind'], apiGroups: [GROUP], resources: ['clusterroles'], resourceNames: ['cluster-admin'] }],
      },
      {
        kind: 'ClusterRoleBinding',
        metadata: { name: 'binder' },
        roleRef: { kind: 'ClusterRole', name: 'binder' },
        subjects: [{ kind: 'User', name: 'jane' }],
      },
    ])
    const write = writeBy(world, 'jane', [], 'dev', 'a')
    expect(await refusal(checkEscalation('rolebindings', admin, undefined, write))).toBeUndefined()
    const refused = await refusal(checkEscalation('rolebindings', { ...admin, roleRef }, undefined, write))
    expect(refused).toMatchObject({ code, message: expect.stringContaining(message) })
  })

  test('tells which of the writer own roles could not be resolved', async () => {
    const { index, world } = worldOf([])
    index.setBinding('', 'dangling', { roleRef: { kind: 'ClusterRole', name: 'gone' }, subjects: [{ kind: 'User', name: 'jane' }] })
    const role = { kind: 'Role', metadata: { name: 'r' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] }
    const status = await refusal(checkEscalation('roles', role, undefined, writeBy(world, 'jane', [], 'dev', 'r')))
    expect(status?.message).toBe(
      `roles.${GROUP} "r" is forbidden: user "jane" (groups=[]) is attempting to grant RBAC permissions not currently held:\n` +
        `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}; resolution errors: [roles.${GROUP} "gone" not found]`,
    )
  })
})
