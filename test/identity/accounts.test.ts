/**
 * What the guides say of accounts, typed in with kubectl against the built server: who they are, what they may, how they come and go.
 */
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../clients/run.ts'
import { COMMAND } from '../podpass.ts'
import { eventually, pod, startWorld, type World } from './kubectl.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const uidOf = async (name: string, namespace = 'default'): Promise<string | undefined> => {
  const { out } = await world.kubectl('get', 'serviceaccount', name, '-n', namespace, '-o', 'jsonpath={.metadata.uid}')
  return out === '' ? undefined : out
}
const createToken = async (name: string, namespace = 'default') =>
  (await world.kubectl('create', 'token', name, '-n', namespace)).out.trim()
const whoAmI = async (token: string) => JSON.parse((await world.kubectlAs(token, 'auth', 'whoami', '-o', 'json')).out).status.userInfo
const canI = async (...args: string[]) => (await world.kubectl('auth', 'can-i', ...args)).out.trim()

describe('an account', () => {
  test('S2: is a user without an object of users behind it, and knows itself by its token', async () => {
    expect((await world.kubectl('get', 'users')).err).toBe('error: the server doesn\'t have a resource type "users"\n')
    await world.kubectl('create', 'serviceaccount', 'self')
    expect(await whoAmI(await createToken('self'))).toEqual({
      username: 'system:serviceaccount:default:self',
      uid: await uidOf('self'),
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^JTI=/)] },
    })
  })

  test('S3, S109: is of its namespace, where a user is of none', async () => {
    for (const namespace of ['here', 'there']) {
      await world.kubectl('create', 'namespace', namespace)
      await world.kubectl('create', 'serviceaccount', 'same', '-n', namespace)
    }
    expect(await uidOf('same', 'here')).not.toBe(await uidOf('same', 'there'))
    const names = [await whoAmI(await createToken('same', 'here')), await whoAmI(await createToken('same', 'there'))]
    expect(names.map(({ username }) => username)).toEqual(['system:serviceaccount:here:same', 'system:serviceaccount:there:same'])
    const admin = (await world.json('auth', 'whoami')).status.userInfo
    expect(admin.username).not.toContain(':')
    expect(admin.groups).not.toContain('system:serviceaccounts')
  })

  test('S109: may be named as a user in a binding, by its whole name', async () => {
    const name = 'system:serviceaccount:here:same'
    expect(await canI('list', 'pods', '-n', 'here', `--as=${name}`)).toBe('no')
    await world.kubectl('create', 'rolebinding', 'as-user', '--clusterrole=view', `--user=${name}`, '-n', 'here')
    expect(await canI('list', 'pods', '-n', 'here', `--as=${name}`)).toBe('yes')
    expect((await world.kubectlAs(await createToken('same', 'here'), 'get', 'pods', '-n', 'here')).code).toBe(0)
  })

  test('S107, S54: may nothing until somebody binds a role to it, and then no more than that', async () => {
    const asDefault = '--as=system:serviceaccount:default:default'
    expect(await canI('*', '*', asDefault)).toBe('no')
    expect(await canI('get', 'pods', asDefault)).toBe('no')
    await world.kubectl('create', 'role', 'pod-reader', '--verb=get,list', '--resource=pods')
    await world.kubectl('create', 'rolebinding', 'read-pods', '--role=pod-reader', '--serviceaccount=default:default')
    expect(await canI('get', 'pods', asDefault)).toBe('yes')
    expect(await canI('delete', 'pods', asDefault)).toBe('no')
    expect(await canI('get', 'pods', '-n', 'here', asDefault)).toBe('no')
  })
})

describe('accounts come and go', () => {
  test('S44, S130: every namespace has default, and has it again with another uid when it was deleted', async () => {
    await world.kubectl('create', 'namespace', 'fresh')
    const first = await eventually(() => uidOf('default', 'fresh'))
    await world.kubectl('delete', 'serviceaccount', 'default', '-n', 'fresh')
    expect(await eventually(async () => (await uidOf('default', 'fresh')) !== first && uidOf('default', 'fresh'))).toMatch(
      /^[0-9a-f-]{36}$/,
    )
  })

  test('S51: applied from a here-document, which the second time changes nothing', async () => {
    const manifest = 'apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: build-robot\n'
    expect((await world.apply(manifest)).out).toBe('serviceaccount/build-robot created\n')
    expect((await world.apply(manifest)).out).toBe('serviceaccount/build-robot unchanged\n')
  })

  test('S52: under names that are DNS subdomains', async () => {
    const { err } = await world.kubectl('create', 'serviceaccount', 'Build_Robot')
    expect(err).toContain('a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters')
    expect((await world.kubectl('create', 'serviceaccount', 'a'.repeat(253))).code).toBe(0)
    const tooLong = await world.kubectl('create', 'serviceaccount', 'a'.repeat(254))
    expect([tooLong.code, tooLong.err]).toEqual([1, expect.stringContaining('must be no more than 253 characters')])
  })

  test('S53, S66: with these members in this order, and no secrets', async () => {
    await world.kubectl('create', 'serviceaccount', 'plain')
    const { out } = await world.kubectl('get', 'serviceaccounts/plain', '-o', 'yaml')
    expect(out.replaceAll(/: .*/g, ':').split('\n')).toEqual([
      'apiVersion:',
      'kind:',
      'metadata:',
      '  creationTimestamp:',
      '  name:',
      '  namespace:',
      '  resourceVersion:',
      '  uid:',
      '',
    ])
  })

  test('S57: deleted, with what kubectl says of it, and its tokens dead', async () => {
    const token = await createToken('build-robot')
    expect(await world.server.statusOf(token)).toBe(200)
    expect((await world.kubectl('delete', 'serviceaccount/build-robot')).out).toBe('serviceaccount "build-robot" deleted\n')
    expect(await world.server.statusOf(token)).toBe(401)
  })

  test('S74: deleted under a Pod, which goes on, while its calls are unauthorized', async () => {
    await world.kubectl('create', 'serviceaccount', 'leaver')
    await world.apply(pod('orphan', { serviceAccountName: 'leaver' }))
    const status = JSON.stringify({ status: { phase: 'Running' } })
    await world.kubectl('patch', 'pod', 'orphan', '--subresource=status', '--type=merge', '-p', status)
    const token = (await world.kubectl('create', 'token', 'leaver', '--bound-object-kind=Pod', '--bound-object-name=orphan')).out.trim()
    await world.kubectl('delete', 'serviceaccount', 'leaver')
    expect((await world.json('get', 'pod', 'orphan')).status.phase).toBe('Running')
    const { out } = await run('curl', ['-s', '--cacert', world.ca, '-H', `Authorization: Bearer ${token}`, `${world.url}/api/v1/pods`])
    expect(JSON.parse(out)).toMatchObject({ kind: 'Status', reason: 'Unauthorized', code: 401 })
  })
})

describe('the ledger through kubectl', () => {
  test('lists, describes and revokes like any other resource', async () => {
    await world.kubectl('create', 'serviceaccount', 'ledger')
    const token = await createToken('ledger')
    const selector = ['--field-selector', 'spec.serviceAccountName=ledger', '-o', 'name']
    const { out } = await world.kubectl('get', 'issuedtokens', ...selector)
    const [, jti = ''] = /^issuedtoken\.podpass\.dev\/(\S+)\n$/.exec(out) ?? []
    expect((await world.kubectl('describe', 'issuedtoken', jti)).out).toMatch(/Requested By: +kubernetes-admin/)
    expect((await world.kubectl('delete', 'issuedtoken', jti)).out).toContain('deleted')
    expect(await world.server.statusOf(token)).toBe(401)
    expect((await world.kubectl('get', 'issuedtoken', jti)).err).toContain('(NotFound)')
  })

  test('shows long lists in pages, each token once', async () => {
    await world.kubectl('create', 'serviceaccount', 'many')
    for (let i = 0; i < 25; i++) await world.server.tokenOf('default', 'many')
    const selector = ['--field-selector', 'spec.serviceAccountName=many', '-o', 'name']
    const paged = (await world.kubectl('get', 'issuedtokens', '--chunk-size=10', ...selector)).out.trim().split('\n')
    expect(new Set(paged).size).toBe(25)
    expect(paged).toHaveLength(25)
  })
})

test('S141: static tokens exist only behind a flag that says what it is', async () => {
  const { code, err } = await run(process.execPath, [COMMAND, 'serve', '--token-auth-file=/dev/null'])
  expect(code).toBe(2)
  expect(err).toContain('--token-auth-file needs --unsafe-static-tokens')
})
