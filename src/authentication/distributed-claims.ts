/**
 * A claim that is kept elsewhere: the token says where, and what is there is a token again, of an issuer that is found by its discovery
 * document. Providers do so with groups that are too many for a token.
 *
 * @see OpenID Connect Core 1.0, section 5.6.2; apiserver/plugin/pkg/authenticator/token/oidc/oidc.go, claimResolver
 * @module
 */
import { quote } from '../api/quote.ts'
import type { FetchDocument } from './https-json.ts'
import { type Claims, type ParsedToken, parseToken } from './jwt.ts'
import type { RemoteKeys } from './remote-keys.ts'

export interface DistributedClaims {
  /** The claim that may be elsewhere. */
  claim: string
  fetchDocument: FetchDocument
  /** The keys of any issuer, looked for from now on. */
  keysOf(issuer: string): RemoteKeys
  /** Rejects a token that is not good here. */
  verify(token: ParsedToken, keys: RemoteKeys): Promise<void>
}

const NAMES = '_claim_names'
const SOURCES = '_claim_sources'
/** Whoever says who is elsewhere is known; still not everybody can be. */
const MAX_ISSUERS = 16

/** The claims with what was elsewhere. Rejects where it cannot be had. */
export function claimResolver(settings: DistributedClaims): (claims: Claims) => Promise<Claims> {
  const { claim } = settings
  const issuers = new Map<string, RemoteKeys>()
  return async (claims) => {
    if (Object.hasOwn(claims, claim) || claims[NAMES] === undefined) return claims
    const names = membersOf(claims[NAMES], 'oidc: error parsing distributed claim names')
    if (claims[SOURCES] === undefined) throw new Error('oidc: no claim sources')
    const sources = membersOf(claims[SOURCES], 'oidc: could not parse claim sources')
    const source = Object.hasOwn(names, claim) ? names[claim] : undefined
    if (typeof source !== 'string') return claims
    if (!Object.hasOwn(sources, source)) throw new Error(`id token _claim_names contained a source ${source} missing in _claims_sources`)
    const { endpoint, access_token: bearer } = membersOf(sources[source], 'oidc: could not parse claim sources')
    if (typeof endpoint !== 'string' || endpoint === '') return claims
    if (!endpoint.startsWith('https://'))
      throw new Error(`while getting distributed claim ${quote(claim)}: ${endpoint} is no https address`)
    const value = await resolve(settings, issuers, endpoint, typeof bearer === 'string' && bearer !== '' ? bearer : undefined)
    return { ...claims, [claim]: value }
  }
}

async function resolve(
  settings: DistributedClaims,
  issuers: Map<string, RemoteKeys>,
  endpoint: string,
  bearer: string | undefined,
): Promise<unknown> {
  const { claim, fetchDocument, keysOf, verify } = settings
  const document = await fetchDocument(endpoint, bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }).catch(
    (error: Error) => {
      throw new Error(`while getting distributed claim ${quote(claim)}: ${error.message}`, { cause: error })
    },
  )
  const token = parseToken(document.toString('utf8').trim())
  const issuer = token?.claims['iss']
  if (token === undefined || typeof issuer !== 'string')
    throw new Error(`getting untrusted issuer from endpoint ${endpoint} failed for claim ${quote(claim)}: malformed token`)
  let keys = issuers.get(issuer)
  if (keys === undefined) {
    if (issuers.size >= MAX_ISSUERS) throw new Error(`verifying untrusted issuer ${issuer} failed: there are too many`)
    keys = keysOf(issuer)
    issuers.set(issuer, keys)
  }
  await keys.looked()
  if (!keys.initialized)
    throw new Error(`verifying untrusted issuer ${issuer} failed: verifier not initialized for issuer: ${quote(issuer)}`)
  await verify(token, keys).catch((error: Error) => {
    throw new Error(`verify distributed claim token: ${error.message}`, { cause: error })
  })
  if (!Object.hasOwn(token.claims, claim))
    throw new Error(`jwt returned by distributed claim endpoint ${quote(endpoint)} did not contain claim: ${claim}`)
  return token.claims[claim]
}

function membersOf(value: unknown, failed: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Error(`${failed}: it is no object`)
}
