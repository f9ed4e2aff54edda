/**
 * What a decision costs with so many bindings of others, with the bootstrap policy in place: `npx vitest bench src/rbac`.
 */
import { bench, describe } from 'vitest'
import { bootstrapObjects } from './bootstrap.ts'
import { RbacIndex } from './index.ts'

const robot = {
  username: 'system:serviceaccount:dev:robot',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:dev', 'system:authenticated'],
}
const request = { verb: 'get', isResource: true, apiGroup: '', resource: 'pods', subresource: '', name: 'p', path: '' }

function indexOf(bindings: number): RbacIndex {
  const index = new RbacIndex()
  for (const { kind, metadata, rules, roleRef, subjects } of bootstrapObjects()) {
    const { namespace = '', name = '' } = metadata ?? {}
    if (kind?.endsWith('Role')) index.setRole(namespace, name, rules ?? [])
    else index.setBinding(namespace, name, { roleRef, subjects: subjects ?? [] })
  }
  index.setRole('dev', 'reader', [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] }])
  index.setBinding('dev', 'robot', { roleRef: { kind: 'Role', name: 'reader' }, subjects: [{ kind: 'ServiceAccount', name: 'robot' }] })
  for (let i = 0; i < bindings; i++) {
    const name = `other-${String(i).padStart(6, '0')}`
    const namespace = i % 2 === 0 ? '' : 'dev'
    index.setBinding(namespace, name, { roleRef: { kind: 'ClusterRole', name: 'view' }, subjects: [{ kind: 'User', name: `user-${i}` }] })
  }
  return index
}

describe.each([10, 1_000, 100_000])('with %i bindings of others', (bindings) => {
  const index = indexOf(bindings)
  const refusal = { ...request, verb: 'delete' }
  bench('a decision that allows', () => {
    index.decide(robot, 'dev', request)
  })
  bench('a decision that refuses', () => {
    index.decide(robot, 'dev', refusal)
  })
})

describe('loading', () => {
  bench('100,000 bindings', () => {
    indexOf(100_000)
  })
})
