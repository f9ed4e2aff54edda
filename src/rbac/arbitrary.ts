/**
 * Random RBAC worlds, events and questions, from alphabets small enough that near misses are common. Imported by tests only.
 *
 * @module
 */
import type { PolicyRule, RoleRef, Subject } from '../api/types/rbac/v1.ts'
import type { NaiveQuestion } from './naive.ts'

export type Random = () => number

/** mulberry32: the same sequence for the same seed. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)]! // never asked of an empty list
}

function several<T>(random: Random, most: number, one: () => T): T[] {
  return Array.from({ length: Math.floor(random() * (most + 1)) }, one)
}

const NAMESPACES = ['a', 'b', 'a:b']
const VERBS = ['get', 'list', 'create', 'GET', '*', '']
const GROUPS = ['', 'apps', '*', 'a.example']
const RESOURCES = ['pods', 'pods/log', '*/log', 'pods/*', '*', '*/*', 'nodes', 'log', '*/', '']
const NAMES = ['x', 'y', '*', '']
const URLS = ['/a', '/a/*', '/a*', '*', '/a/b', '/a**', '/*/b', '/', '']
const USERS = ['u', 'v', 'system:serviceaccount:a:s', 'system:serviceaccount:b:s', 'system:serviceaccount:a:b:s', 'g', '']
const USER_GROUPS = ['g', 'h', 'system:masters', 'u', '']
export const ROLE_NAMES = ['r0', 'r1', 'r2', 'r3']
export const BINDING_NAMES = ['b0', 'b1', 'b2', 'b3', 'b4']

export function anyRule(random: Random): PolicyRule {
  const rule: PolicyRule = { verbs: several(random, 2, () => pick(random, VERBS)) }
  if (random() < 0.25) return { ...rule, nonResourceURLs: several(random, 2, () => pick(random, URLS)) }
  rule.apiGroups = several(random, 2, () => pick(random, GROUPS))
  rule.resources = several(random, 3, () => pick(random, RESOURCES))
  if (random() < 0.3) rule.resourceNames = several(random, 2, () => pick(random, NAMES))
  if (random() < 0.05) rule.nonResourceURLs = several(random, 2, () => pick(random, URLS))
  return rule
}

/** Few mostly, and sometimes so many that they are indexed. */
export function anyRules(random: Random): PolicyRule[] {
  return several(random, random() < 0.15 ? 40 : 4, () => anyRule(random))
}

export function anyNamespace(random: Random): string {
  return random() < 0.4 ? '' : pick(random, NAMESPACES)
}

export function anyRoleRef(random: Random): RoleRef {
  return {
    apiGroup: 'rbac.authorization.k8s.io',
    kind: pick(random, ['Role', 'ClusterRole', 'ClusterRole', 'Thing']),
    name: pick(random, ROLE_NAMES),
  }
}

export function anySubjects(random: Random): Subject[] {
  return several(random, 3, () => {
    const kind = pick(random, ['User', 'Group', 'ServiceAccount', 'Robot'])
    if (kind === 'User') return { kind, name: pick(random, USERS) }
    if (kind === 'Group') return { kind, name: pick(random, USER_GROUPS) }
    return random() < 0.5 ? { kind, name: 's', namespace: pick(random, NAMESPACES) } : { kind, name: pick(random, ['s', 'b:s']) }
  })
}

export function anyQuestion(random: Random): NaiveQuestion {
  const isResource = random() < 0.8
  return {
    username: pick(random, USERS),
    groups: several(random, 2, () => pick(random, USER_GROUPS)),
    namespace: isResource ? anyNamespace(random) : '',
    verb: pick(random, VERBS),
    isResource,
    apiGroup: isResource ? pick(random, GROUPS) : '',
    resource: isResource ? pick(random, ['pods', 'nodes', 'log', '*', '']) : '',
    subresource: isResource ? pick(random, ['', '', 'log', '*']) : '',
    name: isResource ? pick(random, NAMES) : '',
    path: isResource ? '' : pick(random, ['/a', '/a/', '/a/b', '/ab', '/', '/*/b', '/x/b', '']),
  }
}
