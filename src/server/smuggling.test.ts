import http2 from 'node:http2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestServer, testServer } from '../controllers/testdata/server.ts'
import { createAuthority, issueClient, type KeyAndCertificate } from '../pki/ensure.ts'
import { resultOf } from './testdata-access.ts'

const WHOAMI = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
const NOW_MS = Date.now()
const clients = createAuthority('clients', NOW_MS)
const proxies = createAuthority('proxies', NOW_MS)
const certificate = (authority: KeyAndCertificate, commonName: string, ...organizations: string[]) =>
  issueClient(authority, { commonName, organizations }, NOW_MS)

const CERTIFICATES = {
  'the proxy': certificate(proxies, 'front'),
  'another name of the proxies': certificate(proxies, 'back'),
  'a client of the same name': certificate(clients, 'front', 'devs'),
  'a stranger of the same name': certificate(createAuthority('strangers', NOW_MS), 'front'),
}

/** Groups that look like the one which may do everything. */
const LOOK_ALIKES = [
  'System:Masters',
  'SYSTEM:MASTERS',
  'system:masters ',
  ' system:masters',
  'system:masters\t',
  'system:mаsters',
  'ѕystem:masters',
  'system:masters\u200b',
  'ｓystem:masters',
  'system:master',
  'system:masters,system:masters',
  'system%3amasters',
]

let it: TestServer
beforeAll(async () => {
  it = await testServer((options) => ({
    ...options,
    clientCA: clients.certificate,
    requestHeader: {
      clientCA: proxies.certificate,
      allowedNames: ['front'],
      usernameHeaders: ['X-Remote-User'],
      groupHeaders: ['X-Remote-Group'],
      uidHeaders: ['X-Remote-Uid'],
      extraHeaderPrefixes: ['X-Remote-Extra-'],
    },
    staticTokens: [
      { token: 'of-jane', username: 'jane', uid: 'j', groups: ['devs'] },
      { token: 'of-admin', username: 'admin', uid: 'a', groups: ['system:masters'] },
      ...LOOK_ALIKES.map((group, index) => ({ token: `look-alike-${index}`, username: 'eve', uid: 'e', groups: [group] })),
    ],
  }))
})
afterAll(() => it.stop())

type Headers = readonly string[]
/** As the characters which Node sends as these bytes. */
const onTheWire = (text: string) => Buffer.from(text).toString('latin1')
const JANE: Headers = ['Authorization', 'Bearer of-jane']
const ADMIN: Headers = ['Authorization', 'Bearer of-admin']

/** `jane, in devs` or the code of a refusal. */
async function actsAs(headers: Headers, from?: keyof typeof CERTIFICATES): Promise<string | number> {
  const client = from === undefined ? {} : { client: CERTIFICATES[from] }
  const { status, body } = await resultOf(it, WHOAMI, ['Host', 'x', 'Content-Type', 'application/json', ...headers], {
    body: '{}',
    ...client,
  })
  if (status !== 201) return status
  const { username, groups = [] } = (body as { status: { userInfo: { username: string; groups?: string[] } } }).status.userInfo
  return `${username}, in ${groups.filter((group) => group !== 'system:authenticated').join()}`
}

describe('impersonation headers of somebody without that right', () => {
  test.each<[string, Headers, string | number]>([
    ['in lower case', ['impersonate-user', 'bob'], 403],
    ['in upper case', ['IMPERSONATE-USER', 'bob'], 403],
    ['in odd case', ['iMpErSoNaTe-uSeR', 'bob'], 403],
    ['twice, first the own name', ['Impersonate-User', 'jane', 'Impersonate-User', 'bob'], 403],
    ['of the own name', ['Impersonate-User', 'jane'], 403],
    ['of the own name in a better group', ['Impersonate-User', 'jane', 'Impersonate-Group', 'system:masters'], 403],
    ['of a group alone', ['Impersonate-Group', 'system:masters'], 400],
    ['of a group alone, in odd case', ['IMPERSONATE-group', 'system:masters'], 400],
    ['of a group beside an empty name', ['Impersonate-User', '', 'Impersonate-Group', 'system:masters'], 400],
    ['of a uid alone', ['Impersonate-Uid', '1'], 400],
    ['of extra information alone', ['Impersonate-Extra-scopes', 'all'], 400],
    ['of an empty name', ['Impersonate-User', ''], 'jane, in devs'],
    ['with an underscore', ['Impersonate_User', 'bob', 'Impersonate_Group', 'system:masters'], 'jane, in devs'],
    ['that mean nothing', ['Impersonate-Role', 'admin'], 'jane, in devs'],
  ])('%s', async (_, headers, answer) => {
    expect(await actsAs([...JANE, ...headers])).toBe(answer)
  })

  test('of nobody at all', async () => {
    expect(await actsAs(['Impersonate-User', 'bob'])).toBe(403)
  })
})

describe('impersonation headers of an administrator', () => {
  test.each<[string, Headers, string]>([
    ['twice: the first counts', ['Impersonate-User', 'bob', 'IMPERSONATE-USER', 'carol'], 'bob, in '],
    ['twice, the first empty: nobody is meant', ['Impersonate-User', '', 'Impersonate-User', 'bob'], 'admin, in system:masters'],
    ['with a comma: it is part of the name', ['Impersonate-User', 'bob, carol'], 'bob, carol, in '],
    [
      'with groups in all cases: each line is one',
      ['Impersonate-User', 'bob', 'Impersonate-Group', 'a', 'IMPERSONATE-GROUP', 'b', 'impersonate-group', 'c,d'],
      'bob, in a,b,c,d',
    ],
    [
      'in another script: the bytes are UTF-8',
      ['Impersonate-User', onTheWire('josé☃'), 'Impersonate-Group', onTheWire('ops-东京')],
      'josé☃, in ops-东京',
    ],
    ['that are no UTF-8: nobody else has that name', ['Impersonate-User', 'jos\xe9'], 'jos\udce9, in '],
  ])('%s', async (_, headers, answer) => {
    expect(await actsAs([...ADMIN, ...headers])).toBe(answer)
  })
})

describe('headers of a front proxy', () => {
  const BOSS: Headers = ['X-Remote-User', 'boss', 'X-Remote-Group', 'system:masters']

  test.each<[string, Headers, keyof typeof CERTIFICATES | undefined, string | number]>([
    ['from nobody', BOSS, undefined, 403],
    ['from nobody, in odd case', ['x-ReMoTe-UsEr', 'boss', 'X-REMOTE-GROUP', 'system:masters'], undefined, 403],
    ['from jane', [...JANE, ...BOSS], undefined, 'jane, in devs'],
    ['from a client of the same name', BOSS, 'a client of the same name', 'front, in devs'],
    ['from a stranger of the same name', BOSS, 'a stranger of the same name', 401],
    ['from another name of the proxies', BOSS, 'another name of the proxies', 401],
    ['from the proxy', BOSS, 'the proxy', 'boss, in system:masters'],
    ['from the proxy, in odd case', ['x-ReMoTe-UsEr', 'boss', 'X-REMOTE-GROUP', 'g'], 'the proxy', 'boss, in g'],
    ['from the proxy, a name twice', ['X-Remote-User', 'a', 'X-Remote-User', 'b'], 'the proxy', 'a, in '],
    ['from the proxy, without a name', ['X-Remote-Group', 'system:masters'], 'the proxy', 401],
    ['from the proxy, of an empty name', ['X-Remote-User', '', 'X-Remote-Group', 'system:masters'], 'the proxy', 401],
    ['from the proxy, with an underscore', ['X_Remote_User', 'boss'], 'the proxy', 401],
    ['from the proxy, in another script', ['X-Remote-User', onTheWire('josé☃')], 'the proxy', 'josé☃, in '],
    ['from the proxy, beside a token', [...JANE, 'X-Remote-User', 'a'], 'the proxy', 'a, in '],
  ])('%s', async (_, headers, from, answer) => {
    expect(await actsAs(headers, from)).toBe(answer)
  })
})

describe('tokens', () => {
  test.each<[string, Headers, string | number]>([
    ['in two headers: the first counts', [...JANE, ...ADMIN], 'jane, in devs'],
    ['in two headers, the first unknown', ['Authorization', 'Bearer nothing', ...ADMIN], 401],
    ['for a proxy', ['Proxy-Authorization', 'Bearer of-admin'], 403],
    ['as a password', ['Authorization', 'Basic b2YtYWRtaW46'], 403],
    ['of odd case', ['AUTHORIZATION', 'bEaReR of-jane'], 'jane, in devs'],
  ])('%s', async (_, headers, answer) => {
    expect(await actsAs(headers)).toBe(answer)
  })
})

describe('over HTTP/2, where names are in lower case and lists are lists', () => {
  function actsAsOverHttp2(headers: Record<string, string | string[]>): Promise<string | number> {
    return new Promise((resolve, reject) => {
      const session = http2.connect(it.server.url, { ca: it.authority.certificate })
      session.on('error', reject)
      const stream = session.request({ ':method': 'POST', ':path': WHOAMI, 'content-type': 'application/json', ...headers })
      let status = 0
      let text = ''
      stream.on('response', (answer) => {
        status = Number(answer[':status'])
      })
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      stream.on('error', reject)
      stream.on('close', () => {
        session.close()
        if (status !== 201) return resolve(status)
        const { username, groups = [] } = JSON.parse(text).status.userInfo
        resolve(`${username}, in ${groups.filter((group: string) => group !== 'system:authenticated').join()}`)
      })
      stream.end('{}')
    })
  }

  test.each<[string, Record<string, string | string[]>, string | number]>([
    ['a name that jane may not take', { authorization: 'Bearer of-jane', 'impersonate-user': 'bob' }, 403],
    ['two names that jane may not take', { authorization: 'Bearer of-jane', 'impersonate-user': ['jane', 'bob'] }, 403],
    ['a group without a name', { authorization: 'Bearer of-jane', 'impersonate-group': 'system:masters' }, 400],
    ['two names of an administrator', { authorization: 'Bearer of-admin', 'impersonate-user': ['bob', 'carol'] }, 'bob, in '],
    [
      'groups of an administrator',
      { authorization: 'Bearer of-admin', 'impersonate-user': 'bob', 'impersonate-group': ['a', 'b,c'] },
      'bob, in a,b,c',
    ],
    ['a name in another script', { authorization: 'Bearer of-admin', 'impersonate-user': onTheWire('josé☃') }, 'josé☃, in '],
    [
      'a proxy without its certificate',
      { authorization: 'Bearer of-jane', 'x-remote-user': 'boss', 'x-remote-group': 'system:masters' },
      'jane, in devs',
    ],
  ])('%s', async (_, headers, answer) => {
    expect(await actsAsOverHttp2(headers)).toBe(answer)
  })
})

test.each(LOOK_ALIKES.map((group, index) => [group, index] as const))('the group %j may not do everything', async (group, index) => {
  const headers = { authorization: `Bearer look-alike-${index}` }
  expect((await resultOf(it, '/api/v1/secrets', headers)).status).toBe(403)
  expect(await actsAs(['Authorization', `Bearer look-alike-${index}`])).toBe(`eve, in ${group}`)
  const client = issueClient(clients, { commonName: 'eve', organizations: [group] }, NOW_MS)
  expect((await resultOf(it, '/api/v1/secrets', {}, { client })).status).toBe(403)
})
