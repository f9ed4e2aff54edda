/**
 * Takes credentials out of what is recorded: a log of who did what must not let its reader do it too.
 *
 * kube-apiserver records bodies as they are; here tokens never appear, whatever the policy asks for.
 *
 * @module
 */

export const REMOVED = '<removed>'

/** A JWT as it is, and one in base64, as Secrets hold it. */
const TOKENS = /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|ZXlK[A-Za-z0-9+/]{40,}={0,2}/g
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** Serialized events: what looks like a token goes, wherever it stands. */
export function withoutTokens(text: string): string {
  return text.replace(TOKENS, REMOVED)
}

/** Members of a query that some client or proxy takes for a credential. */
const QUERY_TOKENS = new Set(['access_token', 'id_token', 'token'])

/** A URL with `access_token` or `token` in its query, however that is written. */
export function withoutQueryTokens(uri: string): string {
  const start = uri.indexOf('?') + 1
  if (start === 0) return uri
  const members = uri.slice(start).split('&')
  return uri.slice(0, start) + members.map(withoutQueryToken).join('&')
}

function withoutQueryToken(member: string): string {
  const equals = member.indexOf('=')
  if (equals === -1 || equals === member.length - 1) return member
  const [name = ''] = new URLSearchParams(member).keys()
  return QUERY_TOKENS.has(name.toLowerCase()) ? `${member.slice(0, equals + 1)}${REMOVED}` : member
}

/** Of objects, of lists and of a Status. */
const COMMON = ['apiVersion', 'kind', 'metadata', 'items', 'status', 'message', 'reason', 'details', 'code']
const REVIEW: ReadonlySet<string> = new Set([...COMMON, 'spec'])
const REVIEW_SPEC: ReadonlySet<string> = new Set(['audiences'])
const SECRET: ReadonlySet<string> = new Set([...COMMON, 'type', 'immutable', 'data', 'stringData'])
const NOTHING: ReadonlySet<string> = new Set()

/** Whether bodies of this resource hold what is taken out. */
export function isRedacted(resource: string, subresource: string): boolean {
  return resource === 'secrets' || resource === 'tokenreviews' || (resource === 'serviceaccounts' && subresource === 'token')
}

/** A body, or a patch of one, of this resource; the caller owns it. What does not belong there, a misspelt `Data` say, goes as well. */
export function redactBody(resource: string, subresource: string, body: unknown): unknown {
  if (Array.isArray(body)) return body.map((operation) => redactOperation(resource, operation))
  if (!isRecord(body)) return body
  if (resource === 'serviceaccounts' && subresource === 'token') {
    keep(REVIEW, body)
    hide(body['status'], 'token')
  }
  if (resource === 'tokenreviews') {
    keep(REVIEW, body)
    keepOfMember(REVIEW_SPEC, body, 'spec')
  }
  if (resource === 'secrets') {
    redactSecret(body)
    if (Array.isArray(body['items'])) for (const secret of body['items']) redactSecret(secret)
  }
  return body
}

function redactSecret(secret: unknown): void {
  if (!isRecord(secret)) return
  keep(SECRET, secret)
  for (const member of ['data', 'stringData']) keepOfMember(NOTHING, secret, member)
  const { metadata } = secret
  if (isRecord(metadata)) hide(metadata['annotations'], LAST_APPLIED)
}

/** One operation of a JSON patch. */
function redactOperation(resource: string, operation: unknown): unknown {
  if (resource !== 'secrets' || typeof operation !== 'object' || operation === null || !('value' in operation)) return operation
  return { ...operation, value: REMOVED }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Hides all other members. */
function keep(members: ReadonlySet<string>, object: Record<string, unknown>): void {
  for (const member of Object.keys(object)) if (!members.has(member)) object[member] = REMOVED
}

function keepOfMember(members: ReadonlySet<string>, object: Record<string, unknown>, name: string): void {
  const value = object[name]
  if (isRecord(value)) keep(members, value)
  else hide(object, name)
}

function hide(object: unknown, member: string): void {
  if (isRecord(object) && Object.hasOwn(object, member)) object[member] = REMOVED
}
