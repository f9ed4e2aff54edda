import { describe, expect, test } from 'vitest'
import type { PolicyRule } from '../api/types/rbac/v1.ts'
import { anyQuestion, seeded } from '../rbac/arbitrary.ts'
import { emptyHistory, randomEvent } from '../rbac/decisions.ts'
import { ruleAllows } from '../rbac/evaluate.ts'
import { naiveDecision } from '../rbac/naive.ts'
import { AccessModel } from './access-model.ts'
import { mergeRules, subjectRules } from './subject-rules.ts'
import { policyOf, randomWorld } from './testdata.ts'
import { why } from './why.ts'

const USERNAMES = ['u', 'v', 'g', 'system:serviceaccount:a:s', 'system:serviceaccount:b:s', 'system:serviceaccount:a:b:s', 'nobody']
const GROUPS = ['g', 'h', 'u', 'nobody']

/** Lists sorted, at any depth. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => JSON.stringify(inOrder(one))).sort()
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inOrder(one)]))
}

describe('random policies', () => {
  test('who-can finds exactly those whom the naive evaluator allows it, with all their bindings', () => {
    const random = seeded(99)
    for (let round = 0; round < 150; round++) {
      const { history, policy } = randomWorld(random, 30)
      const world = { clusterRoles: history.clusterRoles, roles: history.roles, bindings: [...history.bindings.values()] }
      const model = AccessModel.of(policy)
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

  test('a model that has lived through a history answers as one made from its end', () => {
    const random = seeded(7)
    for (let round = 0; round < 60; round++) {
      const history = emptyHistory()
      const lived = new AccessModel(history.index)
      const told = {
        setRole(namespace: string, name: string, rules: PolicyRule[] | undefined) {
          history.index.setRole(namespace, name, rules)
          lived.setRole(namespace, name, rules === undefined ? undefined : { metadata: { name }, rules })
        },
        setBinding(namespace: string, name: string, binding: Parameters<AccessModel['setBinding']>[2]) {
          history.index.setBinding(namespace, name, binding)
          lived.setBinding(namespace, name, binding)
        },
      }
      for (let event = 0; event < 80; event++) randomEvent(history, random, told)
      const made = AccessModel.of(policyOf(history))
      for (let asked = 0; asked < 10; asked++) {
        const question = anyQuestion(random)
        expect(inOrder(lived.whoCan(question))).toEqual(inOrder(made.whoCan(question)))
        const user = { username: question.username, groups: question.groups }
        expect(inOrder(why(lived, user, question))).toEqual(inOrder(why(made, user, question)))
      }
    }
  })

  test('the rules of a subject in all namespaces allow exactly what the index does', () => {
    const random = seeded(5)
    for (let round = 0; round < 150; round++) {
      const { policy } = randomWorld(random, 40)
      const model = AccessModel.of(policy)
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
