import { describe, expect, test } from 'vitest'
import { anyQuestion, seeded } from '../rbac/arbitrary.ts'
import { ruleAllows } from '../rbac/evaluate.ts'
import { naiveDecision } from '../rbac/naive.ts'
import { AccessModel } from './access-model.ts'
import { mergeRules, subjectRules } from './subject-rules.ts'
import { randomWorld } from './testdata.ts'

const USERNAMES = ['u', 'v', 'g', 'system:serviceaccount:a:s', 'system:serviceaccount:b:s', 'system:serviceaccount:a:b:s', 'nobody']
const GROUPS = ['g', 'h', 'u', 'nobody']

describe('random policies', () => {
  test('who-can finds exactly those whom the naive evaluator allows it, with all their bindings', () => {
    const random = seeded(99)
    for (let round = 0; round < 150; round++) {
      const { history, policy } = randomWorld(random, 30)
      const world = { clusterRoles: history.clusterRoles, roles: history.roles, bindings: [...history.bindings.values()] }
      const model = new AccessModel(policy)
      const question = anyQuestion(random)
      const found = model.whoCan(question)
      const bindingsOf = (holders: typeof found.users) =>
        new Set(holders.flatMap(({ chains }) => chains.map(({ binding }) => `${binding.namespace}/${binding.name}`)))
      for (const username of USERNAMES) {
        const holders = [
          ...found.users.filter(({ name }) => name === username),
          ...found.serviceAccounts.filter(({ namespace, name }) => username === `system:serviceaccount:${namespace}:${name}`),
        ]
        expect(bindingsOf(holders)).toEqual(new Set(naiveDecision(world, { ...question, username, groups: [] }).granters))
      }
      for (const group of GROUPS) {
        const want = naiveDecision(world, { ...question, username: 'no such user', groups: [group] }).granters
        expect(bindingsOf(found.groups.filter(({ name }) => name === group))).toEqual(new Set(want))
      }
    }
  })

  test('the rules of a subject in all namespaces allow exactly what the index does', () => {
    const random = seeded(5)
    for (let round = 0; round < 150; round++) {
      const { policy } = randomWorld(random, 40)
      const model = new AccessModel(policy)
      const { username, groups } = anyQuestion(random)
      const { scopes } = subjectRules(model, { username, groups })
      for (let asked = 0; asked < 40; asked++) {
        const question = anyQuestion(random)
        const rules = scopes.filter(({ namespace }) => namespace === '' || namespace === question.namespace).flatMap((scope) => scope.rules)
        const allowed = rules.some(({ rule }) => ruleAllows(rule, question))
        expect(allowed).toBe(model.index.decide({ username, groups }, question.namespace, question).allowed)
      }
    }
  })
})

test('rules of the same things are one, and what others cover is left out', () => {
  const from = [{ kind: 'RoleBinding', namespace: 'a', name: 'b' } as const]
  const rule = (verbs: string[], resources: string[]) => ({ rule: { verbs, apiGroups: [''], resources }, from })
  expect(
    mergeRules([
      rule(['get'], ['pods']),
      rule(['list'], ['pods']),
      rule(['list', 'get'], ['services']),
      rule(['get'], ['pods/log', 'pods']),
    ]),
  ).toEqual([rule(['get', 'list'], ['pods', 'services']), rule(['get'], ['pods/log'])])
})

test('URLs that a star covers are left out one by one, and many rules are merged in time that grows with their number', () => {
  const from = [{ kind: 'ClusterRoleBinding', namespace: '', name: 'b' } as const]
  const urls = (...nonResourceURLs: string[]) => ({ rule: { verbs: ['get'], nonResourceURLs }, from })
  expect(mergeRules([urls('/api/v1', '/version'), urls('/api/*'), urls('/api/**')])).toEqual([urls('/api/**', '/version')])
  const many = Array.from({ length: 10_000 }, (_, i) => ({ rule: { verbs: [`v${i}`], apiGroups: [`g${i}`], resources: ['r'] }, from }))
  expect(mergeRules(many)).toHaveLength(10_000)
})
