import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Attributes } from './authorizer.ts'
import { forbiddenError } from './forbidden.ts'

const pods: Attributes = {
  user: { username: 'jane', groups: [] },
  verb: 'list',
  isResource: true,
  apiGroup: '',
  apiVersion: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'dev',
  name: '',
  path: '',
}

const cases: [string, Partial<Attributes>, string, string, object][] = [
  [
    'a namespaced list',
    {},
    '',
    'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "dev"',
    { kind: 'pods' },
  ],
  [
    'a subresource',
    { verb: 'create', subresource: 'exec', name: 'p1' },
    '',
    'pods "p1" is forbidden: User "jane" cannot create resource "pods/exec" in API group "" in the namespace "dev"',
    { name: 'p1', kind: 'pods' },
  ],
  [
    'a group at the cluster scope, with a reason',
    { apiGroup: 'apps', resource: 'deployments', namespace: '' },
    'RBAC: <x>',
    'deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope: RBAC: <x>',
    { group: 'apps', kind: 'deployments' },
  ],
  [
    'a path',
    { isResource: false, resource: '', namespace: '', verb: 'get', path: '/metrics' },
    '',
    'forbidden: User "jane" cannot get path "/metrics"',
    {},
  ],
  [
    'markup in names',
    { user: { username: '<b>&', groups: [] } },
    '',
    'pods is forbidden: User "&lt;b&gt;&amp;" cannot list resource "pods" in API group "" in the namespace "dev"',
    { kind: 'pods' },
  ],
]

describe('forbiddenError()', () => {
  for (const [name, change, reason, message, details] of cases) {
    test(`words ${name} as kube-apiserver does`, () => {
      const { status } = forbiddenError({ ...pods, ...change }, reason)
      expect(status).toEqual({
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message,
        reason: 'Forbidden',
        details,
        code: 403,
      })
    })
  }

  test('words every recorded refusal of authorization', () => {
    const { exchanges } = JSON.parse(readFileSync(join(import.meta.dirname, '../../test/golden/recordings/forbidden.json'), 'utf8'))
    let seen = 0
    for (const { response } of exchanges) {
      const body = response?.body
      const sentence =
        /User "(.*?)" cannot (\S+) (?:resource "([^"/]*)(?:\/([^"]*))?" in API group "([^"]*)" (?:in the namespace "([^"]*)"|at the cluster scope)|path "([^"]*)")(?:: (.*))?$/.exec(
          body?.message ?? '',
        )
      if (body?.code !== 403 || sentence === null) continue
      seen++
      const [, username = '', verb = '', resource = '', subresource = '', apiGroup = '', namespace = '', path = '', reason = ''] = sentence
      const { name = '' } = body.details
      const isResource = sentence[7] === undefined
      const { status } = forbiddenError(
        { user: { username, groups: [] }, verb, isResource, apiGroup, apiVersion: '', resource, subresource, namespace, name, path },
        reason,
      )
      expect(status).toEqual(body)
    }
    expect(seen).toBeGreaterThan(10)
  })
})
