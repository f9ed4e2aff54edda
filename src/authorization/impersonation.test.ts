import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isStatusError, type Status } from '../api/status.ts'
import type { PolicyRule } from '../api/types/rbac/v1.ts'
import type { UserInfo } from '../authentication/user.ts'
import { RbacIndex } from '../rbac/index.ts'
import type { Attributes } from './authorizer.ts'
import { type Impersonated, Impersonator, wantedUser } from './impersonation.ts'
import { rbacAuthorizer } from './rbac.ts'
import { systemMastersAuthorizer } from './systemmasters.ts'
import { unionAuthorizer } from './union.ts'

const GOLDEN = join(import.meta.dirname, '../../test/golden')

const review = (user: UserInfo): Attributes => ({
  user,
  verb: 'create',
  isResource: true,
  apiGroup: 'authentication.k8s.io',
  apiVersion: 'v1',
  resource: 'selfsubjectreviews',
  subresource: '',
  namespace: '',
  name: '',
  path: '',
})

function world(grants: Record<string, PolicyRule[]>): { index: RbacIndex; impersonator: Impersonator } {
  const index = new RbacIndex()
  for (const [username, rules] of Object.entries(grants)) grant(index, username, rules)
  return { index, impersonator: new Impersonator(unionAuthorizer([systemMastersAuthorizer, rbacAuthorizer(index)])) }
}

function grant(index: RbacIndex, username: string, rules: PolicyRule[]): void {
  index.setRole('', username, rules)
  index.setBinding('', username, { roleRef: { kind: 'ClusterRole', name: username }, subjects: [{ kind: 'User', name: username }] })
}

async function outcome(work: () => Promise<Impersonated>): Promise<Impersonated | Status> {
  try {
    return await work()
  } catch (error) {
    if (isStatusError(error)) return error.status
    throw error
  }
}

const identities: Record<string, UserInfo> = {
  admin: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
  alice: { username: 'alice', groups: ['devs', 'system:authenticated'] },
  bob: { username: 'bob', groups: ['ops', 'system:authenticated'] },
  anonymous: { username: 'system:anonymous', groups: ['system:unauthenticated'] },
}

const identityRule = (resources: string[], verbs: string[], resourceNames?: string[]): PolicyRule => ({
  apiGroups: ['authentication.k8s.io'],
  resources,
  verbs,
  ...(resourceNames && { resourceNames }),
})

describe('Impersonator', () => {
  test('answers every impersonation of the recorded scenario as kube-apiserver did', async () => {
    const step = (method: string) => (path: string, body: unknown, options: object) => ({ method, path, body, ...options })
    const { default: scenario } = await import(join(GOLDEN, 'scenarios/authentication.mjs'))
    const tools = {
      get: (path: string, options: object) => ({ path, ...options }),
      post: step('POST'),
      del: step('DELETE'),
      until: (one: object, _: unknown, options: object) => ({ ...one, ...options }),
    }
    const { exchanges } = JSON.parse(readFileSync(join(GOLDEN, 'recordings/authentication.json'), 'utf8'))
    const { index, impersonator } = world({})
    let compared = 0
    let last = -1
    for (const { name, path, body, headers, as = 'admin' } of scenario(tools).steps) {
      if (name === 'some impersonation for bob') grant(index, 'bob', body.rules)
      if (!path.endsWith('/selfsubjectreviews') || !Object.keys(headers ?? {}).some((header) => header.startsWith('Impersonate-'))) continue
      last = exchanges.findIndex((exchange: { step: string }, i: number) => i > last && exchange.step === name && 'response' in exchange)
      const recorded = exchanges[last].response
      const raw = Object.entries(headers as Record<string, string | string[]>).flatMap(([header, value]) =>
        [value].flat().flatMap((one) => [header, one]),
      )
      const got = await outcome(async () => impersonator.impersonate(wantedUser(raw)!, review(identities[as]!)))
      // A 403 of the impersonated user comes later, from authorization.
      if (recorded.status === 403 && 'user' in got) expect(recorded.body.message).toContain(`User "${got.user.username}" cannot create`)
      else if (recorded.status >= 400) expect({ name, got }).toEqual({ name, got: recorded.body })
      else expect({ name, user: (got as Impersonated).user }).toEqual({ name, user: recorded.body.status.userInfo })
      compared++
    }
    expect(compared).toBeGreaterThan(20)
  })

  const jane = { username: 'jane', groups: [] }
  const want = (headers: Record<string, string>) => wantedUser(Object.entries(headers).flat())!

  test('wants both permissions of a constrained mode', async () => {
    const both = [
      identityRule(['users'], ['impersonate:user-info'], ['carol']),
      identityRule(['selfsubjectreviews'], ['impersonate-on:user-info:create']),
    ]
    const { impersonator } = world({ jane: both })
    expect(await impersonator.impersonate(want({ 'Impersonate-User': 'carol' }), review(jane))).toEqual({
      user: { username: 'carol', groups: ['system:authenticated'] },
      constraint: 'impersonate:user-info',
    })
    for (const missing of [0, 1]) {
      const { impersonator: less } = world({ jane: both.filter((_, i) => i !== missing) })
      expect(await outcome(() => less.impersonate(want({ 'Impersonate-User': 'carol' }), review(jane)))).toMatchObject({ code: 403 })
    }
  })

  test('gives nodes and accounts their groups in constrained modes', async () => {
    const on = (mode: string) => identityRule(['selfsubjectreviews'], [`impersonate-on:${mode}:create`])
    const { impersonator } = world({
      jane: [
        on('arbitrary-node'),
        on('serviceaccount'),
        identityRule(['nodes'], ['impersonate:arbitrary-node']),
        identityRule(['serviceaccounts'], ['impersonate:serviceaccount']),
      ],
    })
    expect(await impersonator.impersonate(want({ 'Impersonate-User': 'system:node:n1' }), review(jane))).toEqual({
      user: { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] },
      constraint: 'impersonate:arbitrary-node',
    })
    expect(await impersonator.impersonate(want({ 'Impersonate-User': 'system:serviceaccount:dev:robot' }), review(jane))).toMatchObject({
      user: { groups: ['system:serviceaccounts', 'system:serviceaccounts:dev', 'system:authenticated'] },
    })
  })

  test('lets an agent be the node that its token names, and no other', async () => {
    const agent = {
      username: 'system:serviceaccount:kube-system:agent',
      groups: [],
      extra: { 'authentication.kubernetes.io/node-name': ['n1'] },
    }
    const rules = [
      identityRule(['selfsubjectreviews'], ['impersonate-on:associated-node:create']),
      identityRule(['nodes'], ['impersonate:associated-node'], ['*']),
    ]
    const { impersonator } = world({ [agent.username]: rules })
    expect(await impersonator.impersonate(want({ 'Impersonate-User': 'system:node:n1' }), review(agent))).toMatchObject({
      constraint: 'impersonate:associated-node',
    })
    expect(await outcome(() => impersonator.impersonate(want({ 'Impersonate-User': 'system:node:n2' }), review(agent)))).toMatchObject({
      code: 403,
    })
  })

  test('never gives system:masters away in a constrained mode', async () => {
    const rules = [
      identityRule(['users', 'groups'], ['impersonate:user-info']),
      identityRule(['selfsubjectreviews'], ['impersonate-on:user-info:create']),
    ]
    const { impersonator } = world({ jane: rules })
    const asked = want({ 'Impersonate-User': 'carol', 'Impersonate-Group': 'system:masters' })
    expect(await outcome(() => impersonator.impersonate(asked, review(jane)))).toMatchObject({
      message:
        'groups.authentication.k8s.io "system:masters" is forbidden: User "jane" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed',
    })
  })

  test('notices at once that a permission is gone', async () => {
    const { index, impersonator } = world({ jane: [{ apiGroups: [''], resources: ['users'], verbs: ['impersonate'] }] })
    const asked = want({ 'Impersonate-User': 'carol' })
    expect(await outcome(() => impersonator.impersonate(asked, review(jane)))).toMatchObject({ constraint: undefined })
    index.setBinding('', 'jane', undefined)
    expect(await outcome(() => impersonator.impersonate(asked, review(jane)))).toMatchObject({ code: 403 })
  })
})

describe('wantedUser()', () => {
  test('reads names in any case, takes the first of a repeated name and keeps commas in groups', () => {
    expect(
      wantedUser([
        'IMPERSONATE-USER',
        'a',
        'impersonate-user',
        'b',
        'Impersonate-Group',
        'x, y',
        'impersonate-GROUP',
        'z',
        'Impersonate-Extra-__proto__',
        'v',
      ]),
    ).toEqual({
      username: 'a',
      uid: '',
      groups: ['x, y', 'z'],
      extra: Object.fromEntries([['__proto__', ['v']]]),
    })
  })

  test('keeps an extra key that is not percent-encoded properly', () => {
    expect(wantedUser(['Impersonate-User', 'a', 'Impersonate-Extra-A%zz', 'v'])?.extra).toEqual({ 'a%zz': ['v'] })
  })

  test('finds nothing in other headers, nor in an empty user name', () => {
    expect(wantedUser(['Impersonate-User', '', 'X-Impersonate-User', 'a', 'Impersonate_User', 'b'])).toBeUndefined()
  })
})
