import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PolicyRule } from '../api/types/rbac/v1.ts'
import { anyQuestion, anyRules, seeded } from './arbitrary.ts'
import { compactRules, covers, type RuleRequest, ruleAllows, uncovered } from './evaluate.ts'

const request = (change: Partial<RuleRequest>): RuleRequest => ({
  verb: 'get',
  isResource: true,
  apiGroup: '',
  resource: 'pods',
  subresource: '',
  name: '',
  path: '',
  ...change,
})
const path = (url: string, verb = 'get') => request({ isResource: false, resource: '', path: url, verb })
const rule = (resources: string[], verbs = ['get'], more: PolicyRule = {}): PolicyRule => ({ apiGroups: [''], resources, verbs, ...more })

const decisions: [string, PolicyRule, RuleRequest, boolean][] = [
  ['an exact resource', rule(['pods']), request({}), true],
  ['a subresource by its resource', rule(['pods']), request({ subresource: 'log' }), false],
  ['a subresource by its own name', rule(['pods/log']), request({ subresource: 'log' }), true],
  ['any subresource by */sub', rule(['*/scale']), request({ resource: 'deployments', subresource: 'scale' }), true],
  ['the resource itself by */sub', rule(['*/scale']), request({ resource: 'scale' }), false],
  ['subresources by resource/*, which is no wildcard', rule(['pods/*']), request({ subresource: 'log' }), false],
  ['anything by */*, which is none either', rule(['*/*']), request({ subresource: 'log' }), false],
  ['subresources by the star', rule(['*']), request({ subresource: 'log' }), true],
  ['another case', rule(['Pods']), request({}), false],
  ['a name that is listed', rule(['pods'], ['get'], { resourceNames: ['a'] }), request({ name: 'a' }), true],
  ['a create where names are listed', rule(['pods'], ['create'], { resourceNames: ['a'] }), request({ verb: 'create' }), false],
  ['the star as a name', rule(['pods'], ['get'], { resourceNames: ['*'] }), request({ name: 'a' }), false],
  ['an unknown verb by the star', rule(['pods'], ['*']), request({ verb: 'fly' }), true],
  ['the verb star by all verbs', rule(['pods'], ['get', 'list']), request({ verb: '*' }), false],
  ['a path under a glob', { verbs: ['get'], nonResourceURLs: ['/a*'] }, path('/abc'), true],
  ['the folder of a glob', { verbs: ['get'], nonResourceURLs: ['/a/*'] }, path('/a'), false],
  ['a path by a star in the middle', { verbs: ['get'], nonResourceURLs: ['/a/*/b'] }, path('/a/x/b'), false],
  ['a path by two stars', { verbs: ['get'], nonResourceURLs: ['/a**'] }, path('/ab'), true],
  ['a path by a rule of resources', rule(['*'], ['*']), path('/a'), false],
]

describe('ruleAllows()', () => {
  for (const [name, given, asked, want] of decisions)
    test(`${want ? 'allows' : 'does not allow'} ${name}`, () => expect(ruleAllows(given, asked)).toBe(want))
})

const coverage: [string, PolicyRule[], PolicyRule[], PolicyRule[]][] = [
  ['itself', [rule(['pods'])], [rule(['pods'])], []],
  ['its parts', [rule(['pods', 'services'], ['get', 'list'])], [rule(['pods'], ['list'])], []],
  ['parts of two rules', [rule(['pods']), rule(['services'])], [rule(['pods', 'services'])], []],
  ['a star only by a star', [rule(['pods'])], [rule(['*'])], [rule(['*'])]],
  ['a subresource by */sub', [rule(['*/scale'])], [rule(['x/scale'])], []],
  ['all names by some', [rule(['pods'], ['get'], { resourceNames: ['a'] })], [rule(['pods'])], [rule(['pods'])]],
  ['one name by all', [rule(['pods'])], [rule(['pods'], ['get'], { resourceNames: ['a'] })], []],
  [
    'names one by one',
    [rule(['pods'], ['get'], { resourceNames: ['a'] })],
    [rule(['pods'], ['get'], { resourceNames: ['a', 'b'] })],
    [rule(['pods'], ['get'], { resourceNames: ['b'] })],
  ],
  [
    'a path by a glob',
    [{ verbs: ['get'], nonResourceURLs: ['/a/*'] }],
    [{ verbs: ['get'], nonResourceURLs: ['/a/b', '/c'] }],
    [{ verbs: ['get'], nonResourceURLs: ['/c'] }],
  ],
]

describe('uncovered()', () => {
  for (const [name, held, requested, want] of coverage) test(`judges ${name}`, () => expect(uncovered(held, requested)).toEqual(want))

  /** The algorithm of upstream, atom by atom, without any shortcut. */
  function plainly(held: readonly PolicyRule[], requested: readonly PolicyRule[]): PolicyRule[] {
    const has = (list: readonly string[] | undefined, one: string) => (list ?? []).includes(one)
    const glob = (owned: string, url: string) => owned === url || (owned.endsWith('*') && url.startsWith(owned.replace(/\*+$/, '')))
    const ofAny = (resource: string) => (resource.includes('/') ? `*/${resource.slice(resource.indexOf('/') + 1)}` : undefined)
    const missing: PolicyRule[] = []
    for (const { apiGroups = [], resources = [], verbs = [], resourceNames = [], nonResourceURLs = [] } of requested) {
      for (const group of apiGroups)
        for (const resource of resources)
          for (const verb of verbs)
            for (const name of resourceNames.length > 0 ? resourceNames : [undefined]) {
              const covered = held.some((owner) => {
                const names = owner.resourceNames ?? []
                const any = ofAny(resource)
                const onResource =
                  has(owner.resources, '*') || has(owner.resources, resource) || (any !== undefined && has(owner.resources, any))
                const onName = names.length === 0 || (name !== undefined && names.includes(name))
                return (
                  (has(owner.verbs, '*') || has(owner.verbs, verb)) &&
                  (has(owner.apiGroups, '*') || has(owner.apiGroups, group)) &&
                  onResource &&
                  onName
                )
              })
              if (!covered)
                missing.push({
                  apiGroups: [group],
                  resources: [resource],
                  verbs: [verb],
                  ...(name !== undefined && { resourceNames: [name] }),
                })
            }
      for (const url of nonResourceURLs)
        for (const verb of verbs) {
          const covered = held.some(
            (owner) =>
              (owner.resourceNames ?? []).length === 0 &&
              (has(owner.verbs, '*') || has(owner.verbs, verb)) &&
              (owner.nonResourceURLs ?? []).some((owned) => glob(owned, url)),
          )
          if (!covered) missing.push({ nonResourceURLs: [url], verbs: [verb] })
        }
    }
    return missing
  }

  test('agrees with the algorithm written out, on random rules', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = seeded(seed)
        const [held, requested] = [anyRules(random), anyRules(random)]
        expect(uncovered(held, requested)).toEqual(plainly(held, requested))
      }),
      { numRuns: 3000, seed: 1 },
    )
  })

  test('is done soon with roles of ten thousand rules, and with one rule of countless atoms', () => {
    const many = (prefix: string) => Array.from({ length: 10_000 }, (_, i) => rule([`${prefix}${i}`, `other${i}`]))
    expect(covers(many('a'), many('a'))).toBe(true)
    expect(uncovered(many('a'), many('b'))).toHaveLength(10_000)
    const names = Array.from({ length: 3000 }, (_, i) => `n${i}`)
    const huge = { apiGroups: names, resources: names, verbs: names }
    expect(uncovered(many('a'), [huge])).toEqual([huge])
    expect(covers([{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }], [huge])).toBe(true)
  })
})

describe('covers()', () => {
  test('never lets a grant reach further than its granter', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = seeded(seed)
        const [held, granted, asked] = [anyRules(random), anyRules(random), anyQuestion(random)]
        const allows = (rules: readonly PolicyRule[]) => rules.some((one) => ruleAllows(one, asked))
        expect(!covers(held, granted) || !allows(granted) || allows(held)).toBe(true)
      }),
      { numRuns: 5000, seed: 1 },
    )
  })
})

describe('compactRules()', () => {
  test('adds verbs up by resource and name, and leaves the rest apart', () => {
    const named = rule(['pods'], ['get'], { resourceNames: ['a'] })
    const url = { nonResourceURLs: ['/x'], verbs: ['get'] }
    expect(compactRules([rule(['pods']), url, rule(['pods'], ['list']), named, rule(['services'])])).toEqual([
      url,
      rule(['pods'], ['get', 'list']),
      named,
      rule(['services']),
    ])
  })
})
