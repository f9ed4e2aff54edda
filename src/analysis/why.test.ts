import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import type { PolicyRule } from '../api/types/rbac/v1.ts'
import { anyQuestion, anyRule, seeded } from '../rbac/arbitrary.ts'
import { covers, ruleAllows } from '../rbac/evaluate.ts'
import { naiveDecision } from '../rbac/naive.ts'
import { AccessModel, type AccessQuestion } from './access-model.ts'
import { policyFrom } from './policy.ts'
import { smallestRule } from './suggestion.ts'
import { randomWorld } from './testdata.ts'
import { userNamed } from './user.ts'
import { can, why } from './why.ts'

const RBAC = 'rbac.authorization.k8s.io/v1'
const role = (namespace: string, name: string, ...rules: PolicyRule[]): KubeObject => ({
  apiVersion: RBAC,
  kind: namespace === '' ? 'ClusterRole' : 'Role',
  metadata: { namespace, name },
  rules,
})
const binding = (namespace: string, name: string, roleRef: string, ...subjects: string[]): KubeObject => ({
  apiVersion: RBAC,
  kind: namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata: { namespace, name },
  roleRef: { kind: roleRef.split('/')[0], name: roleRef.split('/')[1] },
  subjects: subjects.map((text) => {
    const [kind, first, second] = text.split('/')
    return second === undefined ? { kind, name: first } : { kind, namespace: first, name: second }
  }),
})
const model = (...objects: KubeObject[]) => AccessModel.of(policyFrom(objects, { namespace: 'default', aggregate: true }))
const ask = (verb: string, what: string, namespace = 'production'): AccessQuestion => {
  if (what.startsWith('/'))
    return { verb, isResource: false, apiGroup: '', resource: '', subresource: '', name: '', path: what, namespace: '' }
  const [, resource = '', apiGroup = '', subresource = '', name = ''] =
    /^([^.:/]*)(?:\.([^/:]*))?(?:\/([^:]*))?(?::(.*))?$/.exec(what) ?? []
  return { verb, isResource: true, apiGroup, resource, subresource, name, path: '', namespace }
}
const bot = userNamed('system:serviceaccount:production:deploy-bot')

describe('why', () => {
  test('names every chain that grants, not the first only', () => {
    const policy = model(
      role('production', 'deployer', { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'update'] }),
      role('', 'all', { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }),
      binding('production', 'by-name', 'Role/deployer', 'ServiceAccount/production/deploy-bot'),
      binding('', 'by-group', 'ClusterRole/all', 'Group/system:serviceaccounts:production', 'Group/system:authenticated', 'Group/other'),
    )
    const { allowed, chains } = why(policy, bot, ask('update', 'deployments.apps'))
    expect(allowed).toBe(true)
    expect(chains.map(({ binding, role, subjects }) => [binding.name, role.kind, role.name, subjects.map(({ name }) => name)])).toEqual([
      ['by-group', 'ClusterRole', 'all', ['system:serviceaccounts:production', 'system:authenticated']],
      ['by-name', 'Role', 'deployer', ['deploy-bot']],
    ])
  })

  test('says which role an aggregated one has a rule from', () => {
    const labels = { 'example.com/to-view': 'true' }
    const policy = model(
      {
        ...role('', 'view'),
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }] },
      },
      {
        ...role('', 'widgets', { apiGroups: ['example.com'], resources: ['widgets'], verbs: ['get'] }),
        metadata: { name: 'widgets', labels },
      },
      binding('', 'b', 'ClusterRole/view', 'User/jane'),
    )
    const { chains } = why(policy, userNamed('jane'), ask('get', 'widgets.example.com'))
    expect(chains).toMatchObject([{ role: { name: 'view' }, aggregatedFrom: ['widgets'] }])
  })

  test('members of system:masters need no chain', () => {
    expect(why(model(), userNamed('root', ['system:masters']), ask('get', 'pods'))).toMatchObject({
      allowed: true,
      superuser: true,
      chains: [],
    })
    // Look-alikes are groups like any other.
    for (const group of ['System:Masters', 'system:masters ', 'system:master'])
      expect(why(model(), userNamed('root', [group]), ask('get', 'pods')).allowed).toBe(false)
  })
})

describe('on a denial', () => {
  const given: [name: string, rule: PolicyRule, asked: AccessQuestion, lacks: string][] = [
    ['the verb', { apiGroups: [''], resources: ['pods'], verbs: ['get'] }, ask('delete', 'pods'), 'verb'],
    ['the group', { apiGroups: [''], resources: ['deployments'], verbs: ['get'] }, ask('get', 'deployments.apps'), 'apiGroup'],
    ['the subresource', { apiGroups: [''], resources: ['pods'], verbs: ['get'] }, ask('get', 'pods/log'), 'subresource'],
    [
      'the parent',
      { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['get'] },
      ask('get', 'deployments.apps'),
      'subresource',
    ],
    [
      'the name',
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['a'], verbs: ['get'] },
      ask('get', 'secrets/:b'),
      'resourceName',
    ],
    [
      'any name',
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['a'], verbs: ['list'] },
      ask('list', 'secrets'),
      'resourceName',
    ],
    ['the path', { nonResourceURLs: ['/x/*'], verbs: ['get'] }, ask('get', '/x'), 'path'],
  ]
  test.each(given)('the nearest miss is the rule that lacks %s', (_, rule, asked, lacks) => {
    const policy = model(role('', 'r', rule), binding('', 'b', 'ClusterRole/r', 'User/jane'))
    const { allowed, nearMisses } = why(policy, userNamed('jane'), asked)
    expect(allowed).toBe(false)
    expect(nearMisses[0]).toMatchObject({ kind: 'rule', lacks, binding: { name: 'b' } })
  })

  const rule: PolicyRule = { apiGroups: [''], resources: ['pods'], verbs: ['get'] }
  test('it is told where else it is allowed', () => {
    const policy = model(role('', 'r', rule), binding('staging', 'b', 'ClusterRole/r', 'ServiceAccount/production/deploy-bot'))
    expect(why(policy, bot, ask('get', 'pods')).nearMisses[0]).toMatchObject({ kind: 'namespace', binding: { namespace: 'staging' } })
  })
  test('a binding whose role is missing is named', () => {
    const found = why(model(binding('production', 'b', 'Role/none', 'ServiceAccount/production/deploy-bot')), bot, ask('get', 'pods'))
    expect(found.nearMisses[0]).toMatchObject({ kind: 'missingRole', role: { kind: 'Role', namespace: 'production', name: 'none' } })
    expect(found.errors).toEqual(['role.rbac.authorization.k8s.io "none" not found'])
  })
  test.each([
    ['ServiceAccount/source/deploy-bot', 'it is the account of that name in namespace source'],
    ['User/deploy-bot', 'it is a user, not a service account'],
    ['User/SYSTEM:serviceaccount:production:deploy-bot', 'upper and lower case differ'],
    ['Group/system:serviceaccount:production:deploy-bot', 'it is a group, not the user'],
    ['Group/System:serviceaccounts', 'upper and lower case differ'],
  ])('a binding to %s is recognized', (subject, difference) => {
    const policy = model(role('', 'r', rule), binding('', 'b', 'ClusterRole/r', subject))
    expect(why(policy, bot, ask('get', 'pods')).nearMisses[0]).toMatchObject({ kind: 'subject', difference })
  })
  test('the smallest role that would do is offered for binding, those of other namespaces are not', () => {
    const policy = model(
      role('', 'system:part', rule),
      role('', 'big', { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }),
      role('', 'small', rule),
      role('staging', 'elsewhere', rule),
    )
    expect(why(policy, bot, ask('get', 'pods')).nearMisses).toEqual([
      { kind: 'unbound', role: { kind: 'ClusterRole', namespace: '', name: 'small' } },
      { kind: 'unbound', role: { kind: 'ClusterRole', namespace: '', name: 'big' } },
    ])
  })

  test('the suggestion is ready to apply, and replaces nothing', () => {
    const policy = model(role('production', 'allow-get-pods-log-web', rule))
    expect(why(policy, bot, ask('get', 'pods/log:web')).suggestion?.objects).toEqual([
      {
        apiVersion: RBAC,
        kind: 'Role',
        metadata: { name: 'allow-get-pods-log-web-2', namespace: 'production' },
        rules: [{ apiGroups: [''], resources: ['pods/log'], verbs: ['get'], resourceNames: ['web'] }],
      },
      {
        apiVersion: RBAC,
        kind: 'RoleBinding',
        metadata: { name: 'deploy-bot-allow-get-pods-log-web', namespace: 'production' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'allow-get-pods-log-web-2' },
        subjects: [{ kind: 'ServiceAccount', name: 'deploy-bot', namespace: 'production' }],
      },
    ])
  })
})

describe('random policies', () => {
  test('why and can agree with the naive evaluator, and what they suggest really allows it', () => {
    const random = seeded(20_261)
    let suggested = 0
    for (let world = 0; world < 60; world++) {
      const { history, policy } = randomWorld(random, 30)
      const { clusterRoles, roles, bindings } = history
      const analysed = AccessModel.of(policy)
      for (let asked = 0; asked < 60; asked++) {
        const question = anyQuestion(random)
        const user = { username: question.username, groups: question.groups }
        const want = naiveDecision({ clusterRoles, roles, bindings: [...bindings.values()] }, question)
        const found = why(analysed, user, question)
        expect(found.allowed || can(analysed, user, question).allowed).toBe(found.superuser || want.granters.length > 0)
        expect(new Set(found.chains.map(({ binding }) => `${binding.namespace}/${binding.name}`))).toEqual(new Set(want.granters))
        expect(can(analysed, user, question).allowed).toBe(found.allowed)
        for (const { rule } of found.chains) expect(ruleAllows(rule, question)).toBe(true)
        if (found.suggestion === undefined) continue
        suggested++
        const after = AccessModel.of(withSuggestion(policy, found.suggestion.objects))
        expect(can(after, user, question).allowed).toBe(true)
      }
    }
    expect(suggested).toBeGreaterThan(500)
  })

  test('the smallest rule is covered by every rule that allows the request, and no part of it can go', () => {
    const random = seeded(7)
    for (let i = 0; i < 5000; i++) {
      const question = anyQuestion(random)
      const smallest = smallestRule(question)
      expect(ruleAllows(smallest, question)).toBe(true)
      for (const part of ['verbs', 'apiGroups', 'resources', 'nonResourceURLs'] as const)
        if (smallest[part] !== undefined) expect(ruleAllows({ ...smallest, [part]: [] }, question)).toBe(false)
      const rule = anyRule(random)
      // A star in a question is a letter to some parts of a rule and everything to others; a rule for the empty name is for no object.
      if (JSON.stringify(question).includes('*') || rule.resourceNames?.includes('') === true) continue
      if (ruleAllows(rule, question)) expect(covers([rule], [smallest])).toBe(true)
    }
  })
})

function withSuggestion(policy: ReturnType<typeof policyFrom>, objects: readonly KubeObject[]): ReturnType<typeof policyFrom> {
  const added = policyFrom(objects, { namespace: 'unused', aggregate: false })
  return {
    clusterRoles: [...policy.clusterRoles, ...added.clusterRoles],
    roles: [...policy.roles, ...added.roles],
    clusterRoleBindings: [...policy.clusterRoleBindings, ...added.clusterRoleBindings],
    roleBindings: [...policy.roleBindings, ...added.roleBindings],
  }
}
