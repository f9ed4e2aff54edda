import { expect, test } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import { bootstrapObjects } from '../rbac/bootstrap.ts'
import { ruleAllows } from '../rbac/evaluate.ts'
import { PolicyError, policyFrom } from './policy.ts'

const RBAC = 'rbac.authorization.k8s.io/v1'
const OPTIONS = { namespace: 'here', aggregate: true }

test('lists are opened, others are left, and an object without a namespace is where kubectl would put it', () => {
  const policy = policyFrom(
    [
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } },
      { apiVersion: 'v1', kind: 'List', items: [{ apiVersion: RBAC, kind: 'Role', metadata: { name: 'a' } }] } as KubeObject,
      { apiVersion: RBAC, kind: 'RoleList', items: [{ metadata: { name: 'b', namespace: 'x' } }] } as KubeObject,
      { apiVersion: RBAC, kind: 'ClusterRole', metadata: { name: 'c', namespace: 'nonsense' } },
    ],
    OPTIONS,
  )
  expect(policy.roles.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`)).toEqual(['here/a', 'x/b'])
  expect(policy.clusterRoles.map(({ metadata }) => metadata)).toEqual([{ name: 'c' }])
})

test('the default policy has its aggregated roles filled, through two steps of aggregation', () => {
  const { clusterRoles } = policyFrom(bootstrapObjects(), OPTIONS)
  const admin = clusterRoles.find(({ metadata }) => metadata?.name === 'admin')
  const question = { verb: 'get', isResource: true, apiGroup: '', resource: 'pods', subresource: 'log', name: '', path: '' }
  // pods/log is in system:aggregate-to-view, which is in view, edit and admin.
  for (const name of ['view', 'edit', 'admin'])
    expect(clusterRoles.find(({ metadata }) => metadata?.name === name)?.rules?.some((rule) => ruleAllows(rule, question))).toBe(true)
  expect(admin?.rules?.length).toBeGreaterThan(10)
})

test('roles that aggregate each other in a ring come to an end', () => {
  const ring = ['a', 'b', 'c'].map(
    (name, i): KubeObject => ({
      apiVersion: RBAC,
      kind: 'ClusterRole',
      metadata: { name, labels: { part: name } },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: ['b', 'c', 'a'][i] } }] },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: [name] }],
    }),
  )
  const leaf: KubeObject = {
    apiVersion: RBAC,
    kind: 'ClusterRole',
    metadata: { name: 'leaf', labels: { part: 'b' } },
    rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
  }
  const { clusterRoles } = policyFrom([...ring, leaf], OPTIONS)
  for (const role of clusterRoles) expect(role.rules).toEqual(leaf['rules'])
})

test.each<[string, KubeObject, string]>([
  ['no name', { apiVersion: RBAC, kind: 'Role', metadata: {} }, 'Role (without a name): metadata.name is needed'],
  ['rules that are a text', { apiVersion: RBAC, kind: 'Role', metadata: { name: 'r' }, rules: 'all' }, 'Role r: rules: a list is needed'],
  [
    'verbs that are numbers',
    { apiVersion: RBAC, kind: 'ClusterRole', metadata: { name: 'r' }, rules: [{ verbs: [1] }] },
    'ClusterRole r: rules[0].verbs: a list of texts is needed',
  ],
  ['no roleRef', { apiVersion: RBAC, kind: 'RoleBinding', metadata: { name: 'r' } }, 'RoleBinding r: roleRef: an object is needed'],
  [
    'a subject without a name',
    { apiVersion: RBAC, kind: 'RoleBinding', metadata: { name: 'r' }, roleRef: { kind: 'Role', name: 'x' }, subjects: [{ kind: 'User' }] },
    'RoleBinding r: subjects[0].name is needed',
  ],
])('an object with %s is refused', (_, object, message) => {
  expect(() => policyFrom([object], OPTIONS)).toThrow(new PolicyError(message))
})
