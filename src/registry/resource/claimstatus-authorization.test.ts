import { expect, test } from 'vitest'
import { fieldErrorText } from '../../api/field.ts'
import type { ResourceClaimStatus } from '../../api/types/resource/v1.ts'
import type { Attributes } from '../../authorization/authorizer.ts'
import type { Write } from '../resource.ts'
import { authorizeClaimStatus } from './claimstatus-authorization.ts'

const ACCOUNT = 'system:serviceaccount:dev:driver'

function writeBy(extra: Record<string, string[]>, may: (asked: Attributes) => boolean): Write {
  const authorize = (asked: Attributes) => ({ decision: may(asked) ? ('allow' as const) : ('noOpinion' as const), reason: '' })
  return {
    world: { authorizer: { name: 'test', authorize } } as unknown as Write['world'],
    user: { username: ACCOUNT, groups: [], extra },
    namespace: 'dev',
    name: 'claim',
    subresource: 'status',
    verb: 'update',
    dryRun: false,
    warn() {},
    nowMs: 0,
  }
}

const allocated = (node: string, ...devices: string[]): ResourceClaimStatus => ({
  allocation: {
    nodeSelector: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }] },
  },
  devices: devices.map((device) => ({ driver: 'd.example.com', pool: 'p', device })),
})
const texts = async (...of: Parameters<typeof authorizeClaimStatus>) => (await authorizeClaimStatus(...of)).map(fieldErrorText)

test('binding a claim takes resourceclaims/binding for the whole cluster', async () => {
  const nobody = writeBy({}, () => false)
  expect(await texts({}, allocated('n1'), nobody)).toEqual([
    'status.allocation: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="update" permission: ' +
      `resourceclaims.resource.k8s.io is forbidden: User "${ACCOUNT}" cannot update resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope`,
  ])
  const binder = writeBy({}, ({ subresource, namespace }) => subresource === 'binding' && namespace === '')
  expect(await texts({ ...allocated('n1'), reservedFor: [{ resource: 'pods', name: 'p', uid: 'u' }] }, allocated('n1'), binder)).toEqual([])
})

test('a device takes resourceclaims/driver by the name of its driver, added, changed or gone', async () => {
  const nobody = writeBy({}, () => false)
  for (const [after, before] of [
    [allocated('n1', 'a'), allocated('n1')],
    [allocated('n1'), allocated('n1', 'a')],
  ] as const) {
    const [text] = await texts(after, before, nobody)
    expect(text).toContain('verb="[arbitrary-node:update]" permission: resourceclaims.resource.k8s.io "d.example.com" is forbidden')
  }
  expect(await texts(allocated('n1', 'a'), allocated('n1', 'a'), nobody)).toEqual([])
  expect(
    await texts(
      allocated('n1', 'a'),
      allocated('n1'),
      writeBy({}, ({ name, verb }) => name === 'd.example.com' && verb === 'arbitrary-node:update'),
    ),
  ).toEqual([])
})

test('associated-node is enough where the token is bound to the node of the allocation, and only there', async () => {
  const local = (node: string) =>
    writeBy({ 'authentication.kubernetes.io/node-name': [node] }, ({ verb }) => verb === 'associated-node:update')
  expect(await texts(allocated('n1', 'a'), allocated('n1'), local('n1'))).toEqual([])
  expect(await texts(allocated('n1', 'a'), allocated('n1'), local('n2'))).toHaveLength(1)
})
