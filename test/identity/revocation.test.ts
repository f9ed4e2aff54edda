/**
 * What dies is refused from the acknowledgement on: revoked tokens, and those of deleted accounts and bound objects (S57, S61, S65, S74).
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../clients/run.ts'
import { COMMAND, freePort, isReady, type Running, STORES, startProcess, startServe } from '../podpass.ts'
import { type AccountServer, accountServer, claimsOf, secretParts } from './account-server.ts'

const TRIES = 1000
const AT_ONCE = 20
const GROUP = '/apis/podpass.dev/v1'

describe.each(STORES.filter(({ isHere }) => isHere))('on $kind', ({ kind }) => {
  let serve: Running
  let server: AccountServer
  const seen: string[] = []
  const issue = async (account: string, spec?: object) => {
    const token = await server.tokenOf('default', account, spec)
    seen.push(token)
    return token
  }
  const objects = '/api/v1/namespaces/default'
  const create = async (resource: string, body: object) =>
    (await server.admin.call({ method: 'POST', path: `${objects}/${resource}`, body })).metadata?.uid ?? ''
  const remove = (path: string) => server.admin.call({ method: 'DELETE', path })

  beforeAll(async () => {
    serve = await startServe(kind)
    server = accountServer(serve.file('admin.kubeconfig'))
    await server.createAccount('default', 'robot')
  })
  afterAll(async () => {
    server?.close()
    await serve?.stop()
  })

  /** Each way to kill a token: makes one, and answers it with what ends it. */
  const ways: [name: string, make: (name: string) => Promise<{ token: string; kill: () => Promise<unknown> }>][] = [
    [
      'revoked by its jti',
      async () => {
        const token = await issue('robot')
        return { token, kill: () => remove(`${GROUP}/namespaces/default/issuedtokens/${claimsOf(token).jti}`) }
      },
    ],
    [
      'of an account whose tokens were all revoked',
      async (name) => {
        await server.createAccount('default', name)
        const body = { apiVersion: 'podpass.dev/v1', kind: 'TokenRevocation', spec: { serviceAccount: { namespace: 'default', name } } }
        return { token: await issue(name), kill: () => server.admin.call({ method: 'POST', path: `${GROUP}/tokenrevocations`, body }) }
      },
    ],
    [
      'of a deleted account',
      async (name) => {
        await server.createAccount('default', name)
        return { token: await issue(name), kill: () => remove(`${objects}/serviceaccounts/${name}`) }
      },
    ],
    [
      'bound to a deleted Secret',
      async (name) => {
        const uid = await create('secrets', { metadata: { name } })
        const token = await issue('robot', { boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name, uid } })
        return { token, kill: () => remove(`${objects}/secrets/${name}`) }
      },
    ],
    [
      'bound to a deleted Pod',
      async (name) => {
        const spec = { serviceAccountName: 'robot', containers: [{ name: 'c', image: 'x' }] }
        const uid = await create('pods', { metadata: { name }, spec })
        const token = await issue('robot', { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid } })
        return { token, kill: () => remove(`${objects}/pods/${name}?gracePeriodSeconds=0`) }
      },
    ],
  ]

  test.each(ways)(
    `a token %s is never accepted after the acknowledgement, in ${TRIES / 5} tries (S57, S61, S65, S74)`,
    async (way, make) => {
      const outcomes = { before: new Map<number, number>(), after: new Map<number, number>() }
      const count = (of: Map<number, number>, status: number) => of.set(status, (of.get(status) ?? 0) + 1)
      for (let round = 0; round < TRIES / ways.length / AT_ONCE; round++) {
        await Promise.all(
          Array.from({ length: AT_ONCE }, async (_, at) => {
            const { token, kill } = await make(`${way.replace(/\W+/g, '-').toLowerCase()}-${round}-${at}`)
            count(outcomes.before, await server.statusOf(token))
            await kill()
            count(outcomes.after, await server.statusOf(token))
          }),
        )
      }
      expect(outcomes).toEqual({ before: new Map([[200, TRIES / ways.length]]), after: new Map([[401, TRIES / ways.length]]) })
    },
  )

  test('an account whose tokens were all revoked gets new ones at once', async () => {
    await server.createAccount('default', 'again')
    for (let time = 0; time < 3; time++) {
      const token = await issue('again')
      expect(await server.statusOf(token)).toBe(200)
      const body = {
        apiVersion: 'podpass.dev/v1',
        kind: 'TokenRevocation',
        spec: { serviceAccount: { namespace: 'default', name: 'again' } },
      }
      const { status } = await server.admin.call<{ status: { revokedTokens: number } }>({
        method: 'POST',
        path: `${GROUP}/tokenrevocations`,
        body,
      })
      expect(status.revokedTokens).toBe(1)
      expect(await server.statusOf(token)).toBe(401)
    }
  })

  test('issued tokens are listed in pages, and whoever revokes page by page gets them all', async () => {
    await server.createAccount('default', 'paged')
    const jtis: string[] = []
    for (let at = 0; at < 12; at++) jtis.push(claimsOf(await issue('paged')).jti)
    const found: string[] = []
    let next = ''
    do {
      const query = `fieldSelector=spec.serviceAccountName%3Dpaged&limit=5&continue=${next}`
      const path = `${GROUP}/namespaces/default/issuedtokens`
      const page: any = await server.admin.call({ method: 'GET', path: `${path}?${query}` })
      for (const { metadata } of page.items) {
        found.push(metadata.name)
        await remove(`${path}/${metadata.name}`)
      }
      next = page.metadata.continue ?? ''
    } while (next !== '')
    expect(found).toEqual(jtis)
    const all = await run(process.execPath, [
      COMMAND,
      'tokens',
      'list',
      '--account=default/paged',
      '--revoked',
      '--kubeconfig',
      serve.file('admin.kubeconfig'),
    ])
    expect(all.out.match(/Revoked/g)?.length).toBe(12)
    const one = await run(process.execPath, [COMMAND, 'tokens', 'show', jtis[3] as string, '--kubeconfig', serve.file('admin.kubeconfig')])
    expect(one.out).toContain(jtis[3])
  })

  test('who has a token can have it shown and revoked by it, and it goes nowhere', async () => {
    const token = await issue('robot')
    const ask = (action: string) =>
      run(process.execPath, [COMMAND, 'tokens', action, token, '--kubeconfig', serve.file('admin.kubeconfig')])
    expect((await ask('show')).out).toContain(claimsOf(token).jti)
    expect((await ask('revoke')).out).toBe('revoked 1 token\n')
    expect(await server.statusOf(token)).toBe(401)
  })

  test('a revocation outlives the process that acknowledged it', async () => {
    const [revoked, kept] = [await issue('robot'), await issue('robot')]
    await remove(`${GROUP}/namespaces/default/issuedtokens/${claimsOf(revoked).jti}`)
    process.kill(serve.pid, 'SIGKILL')
    await serve.restart()
    expect([await server.statusOf(revoked), await server.statusOf(kept)]).toEqual([401, 200])
  })

  test('an open watch ends when the token behind it is revoked', async () => {
    await server.admin.call({
      method: 'POST',
      path: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
      body: {
        metadata: { name: 'watcher' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
        subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'robot' }],
      },
    })
    const token = await issue('robot')
    const watch = run('kubectl', [
      ...['--kubeconfig=/dev/null', `--server=${serve.url}`, `--certificate-authority=${serve.file('ca.crt')}`, `--token=${token}`],
      ...['get', '--raw', '/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=50'],
    ])
    const uses = async () => {
      const path = `${GROUP}/namespaces/default/issuedtokens/${claimsOf(token).jti}`
      return (await server.admin.call({ method: 'GET', path })) as { status?: { lastUsedTime?: string } }
    }
    while ((await uses()).status?.lastUsedTime === undefined) await new Promise((resolve) => setImmediate(resolve))
    await remove(`${GROUP}/namespaces/default/issuedtokens/${claimsOf(token).jti}`)
    // The stream is over long before its time.
    expect((await watch).err).not.toMatch(/Forbidden|timed out/)
  })

  if (kind === 'etcd')
    test('a revocation counts on another replica within a second', async () => {
      const [program, ...args] = serve.command as [string, ...string[]]
      const port = await freePort()
      const other = startProcess(
        program,
        args.map((arg) => (arg.startsWith('--secure-port=') ? `--secure-port=${port}` : arg)),
      )
      const ca = readFileSync(serve.file('ca.crt'))
      while (!(await isReady(port, ca))) await new Promise((resolve) => setTimeout(resolve, 20))
      const kubeconfig = serve.file('other.kubeconfig')
      writeFileSync(kubeconfig, readFileSync(serve.file('admin.kubeconfig'), 'utf8').replaceAll(`:${serve.port}`, `:${port}`))
      const second = accountServer(kubeconfig)
      try {
        for (let time = 0; time < 20; time++) {
          const token = await issue('robot')
          expect(await second.statusOf(token)).toBe(200)
          await remove(`${GROUP}/namespaces/default/issuedtokens/${claimsOf(token).jti}`)
          const acknowledgedAt = performance.now()
          while ((await second.statusOf(token)) !== 401) expect(performance.now() - acknowledgedAt).toBeLessThan(1000)
        }
        expect(other.log()).not.toContain(seen.at(-1)?.split('.')[2])
      } finally {
        second.close()
        await other.stop()
      }
    })

  test('no log, no file of the server and no metric ever holds a token', async () => {
    const metrics = String((await server.admin.request({ method: 'GET', path: '/metrics' })).body)
    const ledger = JSON.stringify((await server.admin.request({ method: 'GET', path: `${GROUP}/issuedtokens` })).body)
    const errors = (await run(process.execPath, [COMMAND, 'tokens', 'list', '--kubeconfig', serve.file('admin.kubeconfig')])).out
    await serve.stopKeeping()
    const store = join(serve.folder, 'store')
    const files = kind === 'embedded' ? readdirSync(store).map((name) => readFileSync(join(store, name), 'latin1')) : []
    const everything = [serve.log(), metrics, ledger, errors, ...files].join('\n')
    expect(everything.length).toBeGreaterThan(1000)
    expect(secretParts(seen).filter((part) => everything.includes(part))).toEqual([])
  })
})
