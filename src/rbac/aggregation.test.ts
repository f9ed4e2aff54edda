import { describe, expect, test } from 'vitest'
import type { ClusterRole } from '../api/types/rbac/v1.ts'
import { aggregatedRules, sameRules } from './aggregation.ts'
import { bootstrapObjects } from './bootstrap.ts'

const rule = (name: string) => ({ verbs: ['get'], apiGroups: [''], resources: [name] })
const part = (name: string, labels: Record<string, string>, ...resources: string[]): ClusterRole => ({
  metadata: { name, labels },
  rules: resources.map(rule),
})
const whole = (...clusterRoleSelectors: object[]): ClusterRole => ({
  metadata: { name: 'whole', labels: { team: 'red' } },
  aggregationRule: { clusterRoleSelectors },
  rules: [rule('own')],
})

describe('aggregatedRules()', () => {
  const parts = [part('z', { team: 'red' }, 'c', 'a'), part('b', { team: 'red' }, 'a', 'b'), part('n', { team: 'blue' }, 'n')]

  test('takes selectors in order, roles by name, each rule once, and not itself', () => {
    const red = whole({ matchLabels: { team: 'red' } })
    expect(aggregatedRules(red, [red, ...parts])).toEqual(['a', 'b', 'c'].map(rule))
    const both = whole({ matchLabels: { team: 'blue' } }, { matchExpressions: [{ key: 'team', operator: 'Exists' }] })
    expect(aggregatedRules(both, parts)).toEqual(['n', 'a', 'b', 'c'].map(rule))
  })

  test('is nothing for a role that is not aggregated, and empty where nobody is found', () => {
    expect(aggregatedRules(parts[0]!, parts)).toBeUndefined()
    expect(aggregatedRules(whole({ matchLabels: { team: 'green' } }), parts)).toEqual([])
  })

  test('settles in a ring of aggregated roles', () => {
    const ring = ['one', 'two'].map(
      (name, i): ClusterRole => ({
        metadata: { name, labels: { ring: `${i}` } },
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { ring: `${1 - i}` } }] },
        rules: [rule(name)],
      }),
    )
    for (let round = 0; round < 4; round++) for (const one of ring) one.rules = aggregatedRules(one, ring) ?? []
    const before = structuredClone(ring)
    for (const one of ring) one.rules = aggregatedRules(one, ring) ?? []
    expect(ring).toEqual(before)
  })

  test('fills admin with what edit and view have', () => {
    const roles = bootstrapObjects().filter(({ kind }) => kind === 'ClusterRole') as ClusterRole[]
    for (let round = 0; round < 3; round++) for (const role of roles) role.rules = aggregatedRules(role, roles) ?? role.rules
    const rulesOf = (name: string) => (roles.find(({ metadata }) => metadata?.name === name)?.rules ?? []).map((one) => JSON.stringify(one))
    expect(rulesOf('admin')).toEqual(expect.arrayContaining(rulesOf('edit')))
    expect(rulesOf('edit')).toEqual(expect.arrayContaining(rulesOf('view')))
    expect(rulesOf('view').length).toBeGreaterThan(5)
  })
})

describe('sameRules()', () => {
  test('takes an empty list for none, and order for a difference', () => {
    expect(sameRules([], undefined)).toBe(true)
    expect(sameRules([{ ...rule('a'), resourceNames: [] }], [rule('a')])).toBe(true)
    expect(sameRules([rule('a'), rule('b')], [rule('b'), rule('a')])).toBe(false)
  })
})
