/**
 * `serviceaccounts/token`: TokenRequest, the only way to a bound token.
 *
 * @see pkg/registry/core/serviceaccount/storage/token.go; pkg/apis/authentication/validation/validation.go
 * @module
 */
import { type FieldError, invalidValue } from '../../api/field.ts'
import { type KubeObject, metaOf } from '../../api/object.ts'
import { badRequest, conflict, internalError, invalid, notFound, quote, tooManyRequests } from '../../api/status.ts'
import type { BoundObjectReference, TokenRequest } from '../../api/types/authentication/v1.ts'
import type { Cache } from '../../cache/cache.ts'
import { rfc3339 } from '../../clock.ts'
import { type Binding, type TokenClaims, tokenClaims, WARN_AFTER_SECONDS } from '../../token/claims.ts'
import type { TokenIssuer, TokenOwner } from '../../token/issuer.ts'
import { LEEWAY_MS } from '../../token/verify.ts'
import type { Action, ActionSubresource } from '../resource.ts'

const KIND = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }

const MIN_EXPIRATION_SECONDS = 10 * 60
const MAX_EXPIRATION_SECONDS = 2 ** 32
const DEFAULT_EXPIRATION_SECONDS = 60 * 60

export function serviceAccountTokenSubresource({ issuer }: { issuer: TokenIssuer }): ActionSubresource {
  return {
    type: 'action',
    verbs: ['create'],
    kind: KIND,
    schema: 'io.k8s.api.authentication.v1.TokenRequest',
    keepsSystemMetadata: true,
    defaults(body: TokenRequest) {
      body.spec ??= {}
      body.spec.expirationSeconds ??= DEFAULT_EXPIRATION_SECONDS
    },
    create: (action, body) => createToken(issuer, action, body),
  }
}

/** The order of the checks is upstream's: a client may see any of the refusals, and should see the same one. */
async function createToken(issuer: TokenIssuer, action: Action, request: TokenRequest & KubeObject): Promise<KubeObject> {
  const { namespace, name, nowMs } = action
  const { cache } = action.world
  const metadata = metaOf(request)
  if (name === '') throw badRequest('name must be provided')
  if ((metadata.name ?? '') !== '' && metadata.name !== name) {
    throw invalid(KIND, name, [invalidValue('metadata.name', metadata.name, 'must match the service account name if specified')])
  }
  // Whatever was acknowledged elsewhere before this request counts.
  await cache.fresh()
  const account = find(cache, 'serviceaccounts', name, namespace)
  const accountUid = account.metadata?.uid ?? ''
  if ((metadata.uid ?? '') !== '' && metadata.uid !== accountUid) {
    const why = `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${accountUid})`
    throw conflict({ group: KIND.group, resource: KIND.kind }, name, why)
  }
  // The body was defaulted: it has a spec with a lifetime.
  const spec = request.spec!
  const audiences = (spec.audiences ?? []).length === 0 ? issuer.apiAudiences : spec.audiences!
  spec.audiences = [...audiences]
  metadata.name = name
  metadata.namespace = namespace
  metadata.uid = accountUid
  metadata.creationTimestamp = rfc3339(nowMs)
  delete request.status
  const errors = validateTokenRequest(spec.expirationSeconds!)
  if (errors.length > 0) throw invalid(KIND, '', errors)
  await action.validateAdmission()

  const binding = bind(cache, spec.boundObjectRef, namespace, name)
  let expirationSeconds = Number(spec.expirationSeconds)
  const { maxExpirationSeconds } = issuer
  if (maxExpirationSeconds > 0 && expirationSeconds > maxExpirationSeconds) {
    action.warn(`requested expiration of ${expirationSeconds} seconds shortened to ${maxExpirationSeconds} seconds`)
    expirationSeconds = maxExpirationSeconds
    spec.expirationSeconds = maxExpirationSeconds
  }
  const extended =
    issuer.extendExpiration &&
    binding.kind === 'Pod' &&
    expirationSeconds === WARN_AFTER_SECONDS &&
    audiences.every((one) => issuer.apiAudiences.includes(one))
  const claims = tokenClaims({
    issuer: issuer.issuer,
    account: { namespace, name, uid: accountUid },
    binding,
    audiences,
    expirationSeconds,
    ...(extended && { extendedToSeconds: issuer.maxExtendedExpirationSeconds }),
    nowSeconds: issueSeconds(issuer, accountUid, binding, Math.floor(nowMs / 1000)),
    jti: action.world.newUid(),
  })
  const token = await sign(issuer, claims)
  action.annotate('authentication.kubernetes.io/issued-credential-id', `JTI=${claims.jti}`)
  issuer.issued?.({ claims, requestedBy: action.user.username, remoteAddress: action.remoteAddress, userAgent: action.userAgent })
  return { ...request, status: { token, expirationTimestamp: rfc3339(nowMs + expirationSeconds * 1000) } }
}

/** Texts of TokenRequest's own rules; a lifetime may be a bigint as decoded. */
function validateTokenRequest(expirationSeconds: number | bigint): FieldError[] {
  const field = 'spec.expirationSeconds'
  if (expirationSeconds < MIN_EXPIRATION_SECONDS)
    return [invalidValue(field, expirationSeconds, 'may not specify a duration less than 10 minutes')]
  if (expirationSeconds > MAX_EXPIRATION_SECONDS)
    return [invalidValue(field, expirationSeconds, 'may not specify a duration larger than 2^32 seconds')]
  return []
}

function issueSeconds({ earliestIssueSeconds }: TokenIssuer, accountUid: string, binding: Binding, nowSeconds: number): number {
  if (earliestIssueSeconds === undefined) return nowSeconds
  const owners: TokenOwner[] = [{ kind: 'Account', uid: accountUid }]
  if (binding.kind === 'Pod') owners.push({ kind: 'Pod', uid: binding.pod.uid })
  if (binding.kind === 'Node') owners.push({ kind: 'Node', uid: binding.node.uid })
  const issuedAtSeconds = earliestIssueSeconds(owners, nowSeconds)
  const aheadSeconds = issuedAtSeconds - nowSeconds - LEEWAY_MS / 1000
  // Revoked dozens of times within a minute, or by a clock that stands.
  if (aheadSeconds > 0)
    throw tooManyRequests('all tokens were revoked so often just now that a new one would not be valid yet: wait a moment', aheadSeconds)
  return issuedAtSeconds
}

async function sign(issuer: TokenIssuer, claims: TokenClaims): Promise<string> {
  try {
    return await issuer.signer.sign(claims)
  } catch (error) {
    throw internalError(`failed to generate token: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** Nobody looks at phases or deletion here: authentication does, whenever the token is used. */
function bind(cache: Cache, reference: BoundObjectReference | undefined, namespace: string, account: string): Binding {
  if (reference === undefined || reference === null) return { kind: 'None' }
  const { kind = '', name = '', uid = '' } = reference
  const { group, version } = parseApiVersion(reference.apiVersion ?? '')
  if (group !== '' || (kind !== 'Pod' && kind !== 'Node' && kind !== 'Secret')) {
    throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`)
  }
  const object = find(cache, RESOURCES[kind], name, kind === 'Node' ? '' : namespace)
  const found = { name, uid: object.metadata?.uid ?? '' }
  if (kind === 'Pod' && object['spec']?.serviceAccountName !== account) {
    throw badRequest(`cannot bind token for serviceaccount ${quote(account)} to pod running with different serviceaccount name.`)
  }
  if (uid !== '' && uid !== found.uid) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`
    throw conflict({ group: '', resource: kind }, name, why)
  }
  switch (kind) {
    case 'Secret':
      return { kind, secret: found }
    case 'Node':
      return { kind, node: found }
    case 'Pod': {
      const nodeName: string = object['spec']?.nodeName ?? ''
      if (nodeName === '') return { kind, pod: found }
      const node = cache.resource('v1/nodes')?.get(nodeName)?.object
      return { kind, pod: found, node: { name: nodeName, uid: node?.metadata?.uid ?? '' } }
    }
  }
}

const RESOURCES = { Pod: 'pods', Node: 'nodes', Secret: 'secrets' } as const

/** The live object, not to be changed. Throws what upstream's store answers. */
function find(cache: Cache, resource: string, name: string, namespace: string): KubeObject {
  if (name === '') throw badRequest('Name parameter required.')
  const problems = pathSegmentProblems(name)
  if (problems.length > 0) throw badRequest(`Name parameter invalid: ${quote(name)}: ${problems.join(';')}`)
  const found = cache.resource(`v1/${resource}`)?.get(namespace === '' ? name : `${namespace}/${name}`)
  if (found === undefined) throw notFound({ group: '', resource }, name)
  return found.object
}

/** @see apimachinery/pkg/api/validation/path/name.go */
function pathSegmentProblems(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`]
  return ['/', '%'].filter((illegal) => name.includes(illegal)).map((illegal) => `may not contain '${illegal}'`)
}

/** What cannot be read has no group at all, as upstream takes it. */
function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const parts = apiVersion.split('/')
  if (parts.length === 1) return { group: '', version: apiVersion }
  return parts.length === 2 ? { group: parts[0]!, version: parts[1]! } : { group: '', version: '' }
}
