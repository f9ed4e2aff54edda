/**
 * Issuers elsewhere, for tests: one HTTPS server, an issuer at each of its paths, each with keys of its own that may be rotated.
 *
 * @module
 */
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import * as jose from 'jose'
import { systemClock } from '../clock.ts'
import { createAuthority, issueServer } from '../pki/ensure.ts'

export interface TestIssuers {
  /** PEM. */
  ca: string
  url(name: string): string
  /** A token with these claims, an hour to live, and the issuer's present key. */
  token(name: string, claims: Record<string, unknown>, change?: Record<string, unknown>): Promise<string>
  rotate(name: string): Promise<void>
  /** Answers this at `url(name)/claims` to whoever shows the access token. */
  claims(name: string, token: string, accessToken: string): void
  /** From now on it answers 500. */
  fail(name: string, fails: boolean): void
  /** Paths that were asked for. */
  asked: string[]
  close(): Promise<void>
}

interface Issuer {
  kid: string
  keys: Awaited<ReturnType<typeof jose.generateKeyPair>>
  fails: boolean
}

export async function testIssuers(): Promise<TestIssuers> {
  const authority = createAuthority('issuers', systemClock.nowMs())
  const { certificate, key } = issueServer(authority, ['127.0.0.1'], systemClock.nowMs())
  const issuers = new Map<string, Issuer>()
  const asked: string[] = []
  const claims = new Map<string, { token: string; accessToken: string }>()
  let made = 0
  const issuer = async (name: string): Promise<Issuer> => {
    let found = issuers.get(name)
    if (found === undefined) {
      found = { kid: `key-${made++}`, keys: await jose.generateKeyPair('ES256', { extractable: true }), fails: false }
      issuers.set(name, found)
    }
    return found
  }
  const server = createServer({ cert: certificate, key }, async (request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const [, name = '', rest = ''] = /^\/([a-z-]+)(\/.*)$/.exec(path) ?? []
    const { kid, keys, fails } = await issuer(name)
    response.setHeader('content-type', 'application/json')
    if (fails) response.writeHead(500).end()
    else if (rest.endsWith('/openid-configuration')) response.end(JSON.stringify({ issuer: url(name), jwks_uri: `${url(name)}/keys` }))
    else if (rest === '/keys') {
      const jwk = await jose.exportJWK(keys.publicKey)
      response.end(JSON.stringify({ keys: [{ ...jwk, kid, use: 'sig', alg: 'ES256' }] }))
    } else if (rest === '/claims' && request.headers.authorization === `Bearer ${claims.get(name)?.accessToken}`) {
      response.end(claims.get(name)?.token)
    } else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  const url = (name: string) => `https://127.0.0.1:${port}/${name}`
  return {
    ca: authority.certificate,
    url,
    asked,
    async token(name, claims, change = {}) {
      const { kid, keys } = await issuer(name)
      const nowSeconds = Math.floor(systemClock.nowMs() / 1000)
      return new jose.SignJWT({ iss: url(name), iat: nowSeconds, exp: nowSeconds + 3600, ...claims, ...change })
        .setProtectedHeader({ alg: 'ES256', kid })
        .sign(keys.privateKey)
    },
    async rotate(name) {
      const one = await issuer(name)
      one.kid = `key-${made++}`
      one.keys = await jose.generateKeyPair('ES256', { extractable: true })
    },
    claims(name, token, accessToken) {
      claims.set(name, { token, accessToken })
    },
    fail(name, fails) {
      void issuer(name).then((one) => {
        one.fails = fails
      })
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
