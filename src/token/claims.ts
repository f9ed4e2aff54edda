/**
 * What a service account token says: the claims of a TokenRequest and of a legacy (secret) token, built and written.
 *
 * Pure: time and ids are handed in.
 *
 * @see pkg/serviceaccount/claims.go, legacy.go; KEP-1205, KEP-4193
 * @module
 */

/** Issuer of tokens that live in secrets of type `kubernetes.io/service-account-token`. */
export const LEGACY_ISSUER = 'kubernetes/serviceaccount'

/** The lifetime that asks for an extension: what projected volumes without one of their own request. */
export const WARN_AFTER_SECONDS = 3607

/** How long an extended token is accepted: a year. */
export const EXTENDED_EXPIRATION_SECONDS = 365 * 24 * 60 * 60

export interface Ref {
  name: string
  uid: string
}

/** What a token dies with. The API allows one object at most; here a second cannot even be written. */
export type Binding =
  | { kind: 'None' }
  /** The node is recorded, never checked (KEP-4193); its uid is unknown when the Node does not exist. */
  | { kind: 'Pod'; pod: Ref; node?: { name: string; uid?: string } }
  | { kind: 'Secret'; secret: Ref }
  | { kind: 'Node'; node: Ref }

export interface KubernetesClaims {
  namespace: string
  node?: { name: string; uid?: string }
  pod?: Ref
  secret?: Ref
  serviceaccount: Ref
  warnafter?: number
}

/** Members in the order in which kube-apiserver writes them: byte order. Times in seconds since the epoch. */
export interface TokenClaims {
  aud?: readonly string[]
  exp: number
  iat: number
  iss: string
  jti: string
  'kubernetes.io': KubernetesClaims
  nbf: number
  sub: string
}

export interface TokenSpec {
  issuer: string
  account: { namespace: string; name: string; uid: string }
  binding: Binding
  audiences: readonly string[]
  /** Life as asked for, after clamping. */
  expirationSeconds: number
  /** Accepted for this long instead, with a warning after `expirationSeconds`. */
  extendedToSeconds?: number
  nowSeconds: number
  jti: string
}

export function tokenClaims(spec: TokenSpec): TokenClaims {
  const { account, binding, nowSeconds, expirationSeconds, extendedToSeconds } = spec
  const kubernetes: KubernetesClaims = {
    namespace: account.namespace,
    ...boundTo(binding),
    serviceaccount: { name: account.name, uid: account.uid },
  }
  if (extendedToSeconds !== undefined) kubernetes.warnafter = nowSeconds + expirationSeconds
  return {
    ...(spec.audiences.length > 0 && { aud: spec.audiences }),
    exp: nowSeconds + (extendedToSeconds ?? expirationSeconds),
    iat: nowSeconds,
    iss: spec.issuer,
    jti: spec.jti,
    'kubernetes.io': kubernetes,
    nbf: nowSeconds,
    sub: accountUsername(account.namespace, account.name),
  }
}

export interface LegacyTokenClaims {
  iss: string
  'kubernetes.io/serviceaccount/namespace': string
  'kubernetes.io/serviceaccount/secret.name': string
  'kubernetes.io/serviceaccount/service-account.name': string
  'kubernetes.io/serviceaccount/service-account.uid': string
  sub: string
}

/** Claims of the token in a secret: no audience, no times, no id; it lives as long as the secret. */
export function legacyTokenClaims(of: {
  namespace: string
  secretName: string
  serviceAccountName: string
  serviceAccountUid: string
}): LegacyTokenClaims {
  return {
    iss: LEGACY_ISSUER,
    'kubernetes.io/serviceaccount/namespace': of.namespace,
    'kubernetes.io/serviceaccount/secret.name': of.secretName,
    'kubernetes.io/serviceaccount/service-account.name': of.serviceAccountName,
    'kubernetes.io/serviceaccount/service-account.uid': of.serviceAccountUid,
    sub: accountUsername(of.namespace, of.serviceAccountName),
  }
}

export function accountUsername(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`
}

/** The payload as go-jose writes it: no whitespace, and `<`, `>`, `&` and the line separators escaped. */
export function encodeClaims(claims: TokenClaims | LegacyTokenClaims): string {
  const json = JSON.stringify(claims)
  return NEEDS_ESCAPE.test(json) ? json.replace(ESCAPED, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`) : json
}

const NEEDS_ESCAPE = /[<>&\u2028\u2029]/
const ESCAPED = /[<>&\u2028\u2029]/g

function boundTo(binding: Binding): Pick<KubernetesClaims, 'node' | 'pod' | 'secret'> {
  switch (binding.kind) {
    case 'None':
      return {}
    case 'Pod':
      return binding.node === undefined ? { pod: ref(binding.pod) } : { node: nodeRef(binding.node), pod: ref(binding.pod) }
    case 'Secret':
      return { secret: ref(binding.secret) }
    case 'Node':
      return { node: ref(binding.node) }
  }
}

function ref({ name, uid }: Ref): Ref {
  return { name, uid }
}

function nodeRef({ name, uid }: { name: string; uid?: string }): { name: string; uid?: string } {
  return uid === undefined || uid === '' ? { name } : { name, uid }
}
