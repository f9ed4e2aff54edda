/**
 * A built server with what tests of identity ask of it: accounts, their tokens, and who a token is.
 *
 * @module
 */
import { Agent, request } from 'node:https'
import { HttpsClient } from '../../src/client/https-client.ts'
import { type ClientConfig, loadClientConfig } from '../../src/client/kubeconfig.ts'
import { systemClock } from '../../src/clock.ts'
import { tokensHandedOut } from '../../tools/token-leaks.ts'

export interface AccountServer {
  admin: HttpsClient
  config: ClientConfig
  createAccount(namespace: string, name: string): Promise<string>
  /** Of TokenRequest. */
  tokenOf(namespace: string, account: string, spec?: object): Promise<string>
  /** HTTP status of a request that every authenticated account may make. */
  statusOf(token: string): Promise<number>
  /** Status and body of the same. */
  answerTo(token: string): Promise<{ status: number; body: string }>
  close(): void
}

export function accountServer(kubeconfig: string): AccountServer {
  const config = loadClientConfig({ env: {}, cwd: '/', path: kubeconfig })
  const admin = new HttpsClient(config, { clock: systemClock, userAgent: 'identity-test' })
  const agent = new Agent({ keepAlive: true, maxSockets: 16, ...(config.ca === undefined ? {} : { ca: config.ca }) })
  const url = new URL(`${config.server}/api`)
  const answerTo = (token: string): Promise<{ status: number; body: string }> =>
    new Promise((done, fail) => {
      const ask = request(url, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => (body += text))
        response.on('end', () => done({ status: response.statusCode ?? 0, body }))
      })
      ask.on('error', fail)
      ask.end()
    })
  const accounts = (namespace: string) => `/api/v1/namespaces/${namespace}/serviceaccounts`
  return {
    admin,
    config,
    async createAccount(namespace, name) {
      const { metadata } = await admin.call({ method: 'POST', path: accounts(namespace), body: { metadata: { name } } })
      return metadata?.uid ?? ''
    },
    async tokenOf(namespace, account, spec = {}) {
      const path = `${accounts(namespace)}/${account}/token`
      const { status } = await admin.call<{ status: { token: string } }>({ method: 'POST', path, body: { spec } })
      tokensHandedOut(status.token)
      return status.token
    },
    statusOf: async (token) => (await answerTo(token)).status,
    answerTo,
    close() {
      admin.close()
      agent.destroy()
    },
  }
}

export function claimsOf(token: string): { jti: string; iat: number; exp: number; [claim: string]: any } {
  return JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString())
}

export function kidOf(token: string): string {
  return JSON.parse(Buffer.from(token.split('.')[0] as string, 'base64url').toString()).kid
}

/** Parts of tokens that must be found nowhere. A header alone is no secret: it is the same for all tokens of a key. */
export function secretParts(tokens: readonly string[]): string[] {
  return tokens.flatMap((token) => token.split('.').slice(1)).filter((part) => part.length >= 16)
}
