import { describe, expect, test } from 'vitest'
import { seeded } from './arbitrary.ts'
import { compareDecisions, emptyHistory, fromScratch, randomEvent } from './decisions.ts'
import { RbacIndex } from './index.ts'

const READ = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }]
const getPod = { verb: 'get', isResource: true, apiGroup: '', resource: 'pods', subresource: '', name: 'p', path: '' }
const group = (name: string) => ({ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name })
const clusterRole = (name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name })

describe('RbacIndex', () => {
  test('agrees with the naive evaluator on 50,000 random decisions over a random history', () => {
    expect(compareDecisions(seeded(20), 50_000)).toEqual([])
  })

  test('is the same after any history as when made from scratch', () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = seeded(seed)
      const history = emptyHistory()
      for (let i = 0; i < 60; i++) randomEvent(history, random)
      expect(history.index.describe()).toEqual(fromScratch(history).describe())
    }
  })

  test('keeps nothing of objects that are gone', () => {
    const random = seeded(7)
    const history = emptyHistory()
    for (let i = 0; i < 500; i++) randomEvent(history, random)
    for (const { namespace, name } of history.bindings.values()) history.index.setBinding(namespace, name, undefined)
    for (const name of history.clusterRoles.keys()) history.index.setRole('', name, undefined)
    for (const key of history.roles.keys())
      history.index.setRole(key.slice(0, key.lastIndexOf('/')), key.slice(key.lastIndexOf('/') + 1), undefined)
    expect(history.index.describe()).toEqual(new RbacIndex().describe())
  })

  test('names the first subject of the binding that applies, whatever led to it', () => {
    const index = new RbacIndex()
    index.setRole('', 'reader', READ)
    index.setBinding('', 'all', { roleRef: clusterRole('reader'), subjects: [group('devs'), { kind: 'User', name: 'jane' }] })
    expect(index.decide({ username: 'jane', groups: ['ops', 'devs'] }, '', getPod)).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "reader" to Group "devs"',
    })
  })

  test('names an account of a RoleBinding by name and namespace, the binding likewise', () => {
    const index = new RbacIndex()
    index.setRole('dev', 'reader', READ)
    const subjects = [{ kind: 'ServiceAccount', name: 'robot' }]
    index.setBinding('dev', 'b', { roleRef: { kind: 'Role', name: 'reader' }, subjects })
    expect(index.decide({ username: 'system:serviceaccount:dev:robot', groups: [] }, 'dev', getPod)).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/dev" of Role "reader" to ServiceAccount "robot/dev"',
    })
    expect(index.decide({ username: 'system:serviceaccount:dev:robot', groups: [] }, 'prod', getPod)).toEqual({
      allowed: false,
      errors: [],
    })
  })

  test('tells every missing role once when refusing, and none when allowing', () => {
    const index = new RbacIndex()
    for (const name of ['b1', 'b2']) index.setBinding('', name, { roleRef: clusterRole('gone'), subjects: [group('devs')] })
    index.setBinding('dev', 'b3', { roleRef: { kind: 'Role', name: 'lost' }, subjects: [group('devs')] })
    const jane = { username: 'jane', groups: ['devs'] }
    const errors = ['clusterrole.rbac.authorization.k8s.io "gone" not found', 'role.rbac.authorization.k8s.io "lost" not found']
    expect(index.decide(jane, 'dev', getPod)).toEqual({ allowed: false, errors })
    index.setRole('dev', 'lost', READ)
    expect(index.decide(jane, 'dev', getPod)).toMatchObject({ allowed: true })
  })

  test('lists rules in order of binding names, each binding once, cluster-wide ones first', () => {
    const index = new RbacIndex()
    const rule = (name: string) => [{ verbs: ['get'], apiGroups: [''], resources: [name] }]
    for (const name of ['x', 'y', 'z']) index.setRole('', name, rule(name))
    index.setBinding('dev', 'a', { roleRef: clusterRole('z'), subjects: [group('devs')] })
    index.setBinding('', 'c', { roleRef: clusterRole('y'), subjects: [group('devs'), { kind: 'User', name: 'jane' }] })
    index.setBinding('', 'b', { roleRef: clusterRole('x'), subjects: [{ kind: 'User', name: 'jane' }] })
    const { rules, errors } = index.rulesFor({ username: 'jane', groups: ['devs'] }, 'dev')
    expect(rules).toEqual([...rule('x'), ...rule('y'), ...rule('z')])
    expect(errors).toEqual([])
  })
})
