import { describe, expect, test } from 'vitest'
import { abacAuthorizer, parseAbacPolicies } from './abac.ts'
import type { Attributes } from './authorizer.ts'

const spec = (members: object) => JSON.stringify({ apiVersion: 'abac.authorization.kubernetes.io/v1beta1', kind: 'Policy', spec: members })
const resource = (username: string, verb: string, namespace = 'dev', groups: string[] = []): Attributes => ({
  user: { username, groups },
  verb,
  isResource: true,
  apiGroup: '',
  apiVersion: 'v1',
  resource: 'pods',
  subresource: '',
  namespace,
  name: '',
  path: '',
})
const path = (username: string, verb: string, url: string, groups: string[] = []): Attributes => ({
  ...resource(username, verb, '', groups),
  isResource: false,
  resource: '',
  path: url,
})

const file = [
  '# comment',
  '',
  spec({ user: 'alice', namespace: '*', resource: '*', apiGroup: '*' }),
  spec({ user: 'bob', namespace: 'dev', resource: 'pods', readonly: true }),
  spec({ group: 'ops', user: 'carol', namespace: 'dev', resource: 'pods' }),
  spec({ user: 'dave', nonResourcePath: '/logs/*' }),
  spec({ namespace: '*', resource: '*' }),
  '{"user":"old","namespace":"dev","resource":"pods"}',
  '{"group":"*","readonly":true,"namespace":"open"}',
  spec({ user: '*', nonResourcePath: '/version' }),
  spec({ group: '*', nonResourcePath: '/healthz' }),
  spec({ user: 'frank', group: '*', namespace: 'lobby', resource: 'pods' }),
].join('\n')

const cases: [string, Attributes, boolean][] = [
  ['a user with stars', resource('alice', 'delete', 'prod'), true],
  ['a reader', resource('bob', 'watch'), true],
  ['a writer with a read-only policy', resource('bob', 'create'), false],
  ['another namespace', resource('bob', 'get', 'prod'), false],
  ['a user without the group that is asked for too', resource('carol', 'get'), false],
  ['a user with both', resource('carol', 'create', 'dev', ['ops']), true],
  ['a path under a glob', path('dave', 'get', '/logs/x'), true],
  ['the path itself without its slash', path('dave', 'get', '/logs'), false],
  ['a policy of no subject', resource('eve', 'get'), false],
  ['an unversioned line of one resource', resource('old', 'create'), true],
  ['its paths, which it does not give', path('old', 'get', '/x'), false],
  ['any authenticated user of an unversioned star', resource('x', 'get', 'open', ['system:authenticated']), true],
  ['an authenticated user of a star', path('x', 'get', '/version', ['system:authenticated']), true],
  ['an anonymous user of a star', path('system:anonymous', 'get', '/version', ['system:unauthenticated']), false],
  ['an authenticated user of a star for groups', path('x', 'get', '/healthz', ['system:authenticated']), true],
  ['an anonymous user of a star for groups', path('system:anonymous', 'get', '/healthz', ['system:unauthenticated']), false],
  ['anybody else beside a star', resource('x', 'get', 'lobby', ['system:authenticated']), true],
  ['an anonymous one', resource('x', 'get', 'open', ['system:unauthenticated']), false],
]

describe('abacAuthorizer()', () => {
  const authorizer = abacAuthorizer(parseAbacPolicies('policy.jsonl', file))
  for (const [name, attributes, allowed] of cases) {
    test(`${allowed ? 'allows' : 'has no opinion on'} ${name}`, () => {
      expect(authorizer.authorize(attributes)).toEqual(
        allowed ? { decision: 'allow', reason: '' } : { decision: 'noOpinion', reason: 'No policy matched.' },
      )
    })
  }

  test('lists the rules of a user in a namespace', async () => {
    expect(await authorizer.rulesFor?.({ username: 'bob', groups: [] }, 'dev')).toEqual({
      resourceRules: [{ verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['pods'] }],
      nonResourceRules: [],
      incomplete: false,
    })
  })
})

describe('parseAbacPolicies()', () => {
  test('names file and line of what it cannot read', () => {
    expect(() => parseAbacPolicies('p', '\n{')).toThrow('error reading policy file p, line 2: {: ')
    expect(() => parseAbacPolicies('p', '[]')).toThrow('error reading policy file p, line 1: []: a policy is a JSON object')
    expect(() => parseAbacPolicies('p', spec({ user: 1 }))).toThrow('user is a string')
    expect(() => parseAbacPolicies('p', '{"apiVersion":"v9","kind":"Policy"}')).toThrow('no kind "Policy" is registered for version "v9"')
  })
})
