/**
 * Libraries that nobody here wrote, each set up as its users do: it is told the issuer's URL and its own audience, and finds all else by
 * discovery.
 *
 * @module
 */
import { request } from 'node:https'
import { createRemoteJWKSet, customFetch as joseFetch, jwtVerify } from 'jose'
import * as openid from 'openid-client'
import { run } from '../clients/run.ts'
import { pythonWith } from '../machine.ts'

export interface Issuer {
  url: string
  /** PEM, and the file it is in. */
  ca: string
  caFile: string
}

/** One look at a token. */
export interface Check {
  token: string
  audience: string
  /** What time the party is told it is. */
  at: Date
}

export interface RelyingParty {
  name: string
  isHere: boolean
  /** Answers the token's subject. @throws an error that says why the token is refused */
  subjectOf(check: Check): Promise<string>
}

export function relyingParties(issuer: () => Issuer): RelyingParty[] {
  return [jose(issuer), openidClient(issuer), pyJwt(issuer)]
}

/** `fetch` that trusts one more CA: Node's own takes none after the start. */
function fetchTrusting(ca: string): typeof fetch {
  return (input) =>
    new Promise((done, fail) => {
      const ask = request(new URL(String(input)), { ca }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => {
          const headers = { 'content-type': response.headers['content-type'] ?? '' }
          done(new Response(Buffer.concat(parts), { status: response.statusCode ?? 0, headers }))
        })
      })
      ask.on('error', fail)
      ask.end()
    })
}

function jose(issuer: () => Issuer): RelyingParty {
  return {
    name: 'jose',
    isHere: true,
    async subjectOf({ token, audience, at }) {
      const { url, ca } = issuer()
      const get = fetchTrusting(ca)
      const { jwks_uri } = (await (await get(`${url}/.well-known/openid-configuration`)).json()) as { jwks_uri: string }
      const keys = createRemoteJWKSet(new URL(jwks_uri), { [joseFetch]: get })
      const { payload } = await jwtVerify(token, keys, { issuer: url, audience, currentDate: at })
      return payload.sub ?? ''
    },
  }
}

/** Checks ID tokens that it got from a token endpoint: the test is that endpoint, and hands it the token. */
function openidClient(issuer: () => Issuer): RelyingParty {
  return {
    name: 'openid-client',
    isHere: true,
    async subjectOf({ token, audience, at }) {
      const { url, ca } = issuer()
      const get = fetchTrusting(ca)
      const endpoint = `${url}/token`
      const answers: openid.CustomFetch = (input, init) =>
        String(input) === endpoint
          ? Promise.resolve(Response.json({ access_token: 'none', token_type: 'bearer', id_token: token }))
          : get(input, init as RequestInit)
      const found = await openid.discovery(new URL(url), audience, undefined, openid.None(), { [openid.customFetch]: answers })
      const { issuer: name, jwks_uri = '', id_token_signing_alg_values_supported: algorithms = [] } = found.serverMetadata()
      const metadata = { issuer: name, jwks_uri, id_token_signing_alg_values_supported: algorithms, token_endpoint: endpoint }
      const config = new openid.Configuration(metadata, audience, {
        [openid.clockSkew]: Math.round((at.getTime() - Date.now()) / 1000),
      })
      config[openid.customFetch] = answers
      openid.enableNonRepudiationChecks(config)
      try {
        const answer = await openid.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', {})
        return answer.claims()?.sub ?? ''
      } catch (error) {
        // Which claim it was is told in the cause alone.
        throw new Error(`${(error as Error).message}: ${(error as { cause?: Error }).cause?.message}`)
      }
    },
  }
}

const PYTHON = `
import json, sys, urllib.request
from datetime import datetime
import jwt, jwt.api_jwt
asked = json.load(sys.stdin)
class Told(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(asked['at'], tz)
jwt.api_jwt.datetime = Told
found = json.load(urllib.request.urlopen(asked['issuer'] + '/.well-known/openid-configuration'))
key = jwt.PyJWKClient(found['jwks_uri']).get_signing_key_from_jwt(asked['token'])
claims = jwt.decode(asked['token'], key.key, algorithms=found['id_token_signing_alg_values_supported'], audience=asked['audience'], issuer=asked['issuer'])
print(claims['sub'], end='')
`

function pyJwt(issuer: () => Issuer): RelyingParty {
  const python = pythonWith('jwt', 'cryptography')
  return {
    name: 'PyJWT',
    isHere: python !== undefined,
    async subjectOf({ token, audience, at }) {
      const { url, caFile } = issuer()
      const asked = JSON.stringify({ token, audience, at: at.getTime() / 1000, issuer: url })
      const { code, out, err } = await run(python as string, ['-c', PYTHON], { stdin: asked, env: { SSL_CERT_FILE: caFile } })
      if (code !== 0) throw new Error(err.trim().split('\n').at(-1))
      return out
    },
  }
}
