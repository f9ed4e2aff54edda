/**
 * What a relying party needs to check our tokens by itself: the discovery document and the public keys.
 *
 * Pure: from the state of issuer and keys to documents, and from a request to one of them.
 *
 * @see pkg/serviceaccount/openidmetadata.go; pkg/routes/openidmetadata.go; OpenID Connect Discovery 1.0, RFC 7517
 * @module
 */
import { isIPv6 } from 'node:net'
import { failure, type StatusError } from '../api/status.ts'
import type { KeySource } from '../token/keys.ts'

export const CONFIGURATION_PATH = '/.well-known/openid-configuration'
export const JWKS_PATH = '/openid/v1/jwks'

export interface OidcState {
  /** The first `--service-account-issuer`. */
  issuer: string
  /** `--service-account-jwks-uri`; undefined: made from the external address. */
  jwksUri?: string | undefined
  /** Host and port that clients outside know the server by. The port may be known only when the server listens. */
  readonly externalAddress: string
  keys: KeySource
}

export interface OidcDocument {
  contentType: string
  cacheControl: string
  body: Buffer
}

export interface OidcDocuments {
  configuration: OidcDocument
  jwks: OidcDocument
}

/** Throws TypeError with upstream's reason when the state makes no sense to relying parties: the endpoints are left out then. */
export function oidcDocuments(state: OidcState): OidcDocuments {
  const jwksUri = checkedJwksUri(state)
  const keys = state.keys.all().filter(({ excludeFromDiscovery }) => excludeFromDiscovery !== true)
  if (keys.length === 0) throw new TypeError('no keys provided for validating keyset')
  const cacheControl = `public, max-age=${state.keys.maxAgeSeconds}`
  const configuration = {
    issuer: state.issuer,
    jwks_uri: jwksUri,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(keys.map(({ algorithm }) => algorithm))].sort(),
  }
  return {
    configuration: { contentType: 'application/json', cacheControl, body: goJson(configuration) },
    jwks: { contentType: 'application/jwk-set+json', cacheControl, body: goJson({ keys: keys.map(({ jwk }) => jwk) }) },
  }
}

/** The documents of the moment, made anew when the keys or the address change. A change that makes no sense keeps the last good ones. */
export function oidcDiscovery(state: OidcState): () => OidcDocuments {
  let documents = oidcDocuments(state)
  let { externalAddress } = state
  let { generation, maxAgeSeconds } = state.keys
  return () => {
    const { keys } = state
    if (generation !== keys.generation || maxAgeSeconds !== keys.maxAgeSeconds || externalAddress !== state.externalAddress) {
      externalAddress = state.externalAddress
      generation = keys.generation
      maxAgeSeconds = keys.maxAgeSeconds
      documents = keys.all().length === 0 ? documents : oidcDocuments(state)
    }
    return documents
  }
}

/** Whether a path, with or without a slash at its end, is one of the two. */
export function isOidcPath(path: string): boolean {
  const plain = withoutSlash(path)
  return plain === CONFIGURATION_PATH || plain === JWKS_PATH
}

/** The document asked for; undefined for other paths. Throws the Status of a wrong method or media type. */
export function oidcAnswer(
  documents: OidcDocuments,
  request: { method: string; path: string; accept: string | undefined },
): OidcDocument | undefined {
  if (!isOidcPath(request.path)) return undefined
  if (request.method !== 'GET')
    throw failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
  const document = withoutSlash(request.path) === JWKS_PATH ? documents.jwks : documents.configuration
  if (!accepts(request.accept, document.contentType)) throw notAcceptable(document.contentType)
  return document
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

/** Literally: the type itself or the wildcard of everything; quality and other parameters are ignored. */
function accepts(accept: string | undefined, contentType: string): boolean {
  if (accept === undefined || accept.trim() === '') return true
  return accept.split(',').some((range) => {
    const type = range.split(';')[0]!.trim()
    return type === '*/*' || type === contentType
  })
}

function notAcceptable(contentType: string): StatusError {
  return failure(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${contentType}`, {})
}

function checkedJwksUri({ issuer, jwksUri = '', externalAddress }: OidcState): string {
  if (issuer === '') throw new TypeError('empty issuer URL')
  if (jwksUri === '' && externalAddress === '')
    throw new TypeError('either the JWKS URI or the default external address, or both, must be set')
  if (!/^https:/i.test(issuer)) throw new TypeError(`issuer URL must use https scheme, got: ${issuer}`)
  const [beforeFragment = ''] = issuer.split('#')
  if (/\?./.test(beforeFragment)) throw new TypeError(`issuer URL may not include a query, got: ${issuer}`)
  if (/#./.test(issuer)) throw new TypeError(`issuer URL may not include a fragment, got: ${issuer}`)
  if (jwksUri !== '') {
    if (!/^https:/i.test(jwksUri)) throw new TypeError(`jwksURI requires https scheme, parsed as: ${jwksUri}`)
    return jwksUri
  }
  if (!isHostAndPort(externalAddress)) {
    throw new TypeError(
      `attempted to build jwks_uri from external address ${externalAddress}, but could not construct a valid URL. Error: not a host and port`,
    )
  }
  return `https://${externalAddress}${JWKS_PATH}`
}

function isHostAndPort(address: string): boolean {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+))(?::\d+)?$/.exec(address)
  return match !== null && (match[1] === undefined || isIPv6(match[1]))
}

/** Go escapes what HTML could misread. */
function goJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`))
}
