/**
 * A whole server in a folder of its own, for tests of what its controllers do.
 *
 * @module
 */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KubeObject } from '../../api/object.ts'
import { isStatusError } from '../../api/status.ts'
import type { Client, ClientRequest } from '../../client/client.ts'
import { createAuthority, issueServer, type KeyAndCertificate } from '../../pki/ensure.ts'
import { defaultServerOptions, type ServerOptions } from '../../server/options.ts'
import { type RunningServer, startServer } from '../../server/server.ts'

const LOOK_EVERY_MS = 5
const LIMIT_MS = 10_000

export interface TestServer {
  server: RunningServer
  authority: KeyAndCertificate
  /** Of `system:masters`. */
  admin: Client
  as(username: string, ...groups: string[]): Client
  /** The object, or undefined. */
  get(path: string): Promise<KubeObject | undefined>
  post(path: string, body: object): Promise<KubeObject>
  send(method: ClientRequest['method'], path: string, body?: object, contentType?: string): Promise<KubeObject>
  /** Looks until `test` answers something other than undefined and false. */
  until<T>(what: string, test: () => Promise<T | undefined | false>): Promise<T>
  gone(path: string): Promise<true>
  makeNamespace(name: string): Promise<void>
  stop(): Promise<void>
}

export async function testServer(change: (options: ServerOptions) => ServerOptions = (options) => options): Promise<TestServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'podpass-controllers-'))
  const nowMs = Date.now()
  const authority = createAuthority('test', nowMs)
  const { certificate, key } = issueServer(authority, ['127.0.0.1'], nowMs)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const defaults = defaultServerOptions({
    tls: { certificate, key, sni: [], minVersion: 'TLSv1.2', cipherSuites: [] },
    store: { kind: 'embedded', dataDir },
    serviceAccount: { signingKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() },
  })
  const controllers = { ...defaults.controllers, rootCA: authority.certificate, clusterSigning: authority }
  const server = await startServer(change({ ...defaults, securePort: 0, controllers }))
  const as = (username: string, ...groups: string[]) => server.clients.as({ username, groups }, 'test')
  const admin = as('admin', 'system:masters')

  const send: TestServer['send'] = (method, path, body, contentType) =>
    admin.call({ method, path, ...(body && { body }), ...(contentType && { contentType }) })
  const get = async (path: string) => {
    try {
      return await admin.call({ method: 'GET', path })
    } catch (error) {
      if (isStatusError(error, 'NotFound')) return undefined
      throw error
    }
  }
  const until: TestServer['until'] = async (what, test) => {
    for (const endMs = performance.now() + LIMIT_MS; ; await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))) {
      const found = await test()
      if (found !== undefined && found !== false) return found
      if (performance.now() > endMs) throw new Error(`waited in vain: ${what}`)
    }
  }
  return {
    server,
    authority,
    admin,
    as,
    get,
    send,
    until,
    post: (path, body) => send('POST', path, body),
    gone: (path) => until(`${path} is gone`, async () => (await get(path)) === undefined),
    async makeNamespace(name) {
      await send('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
      await until('its default account', () => get(`/api/v1/namespaces/${name}/serviceaccounts/default`))
    },
    async stop() {
      await server.close(0)
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
