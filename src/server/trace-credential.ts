/**
 * The first steps of a trace: what was before the request, as its token tells and the cache knows.
 *
 * @module
 */
import type { Cache } from '../cache/cache.ts'
import { MalformedTokenError, parseJws, parseStrictObject } from '../token/jwt.ts'

export interface TraceStep {
  step: string
  /** Since the request began; absent for what was before it. */
  atMs?: number
  tookMs?: number
  outcome: string
  detail: string
}

/** What came before the request: the account, its token, the pod it was mounted into. Nothing of the token but its claims. */
export function tokenSteps(token: string, cache: Cache): TraceStep[] {
  let claims: Record<string, any>
  try {
    claims = parseStrictObject(parseJws(token.trim()).payload, 'payload')
  } catch (error) {
    if (!(error instanceof MalformedTokenError)) throw error
    return [{ step: 'token', outcome: 'malformed', detail: error.message }]
  }
  const { namespace = '', serviceaccount, pod, secret, node } = claims['kubernetes.io'] ?? {}
  const steps: TraceStep[] = []
  if (typeof serviceaccount?.name === 'string') {
    const what = `ServiceAccount ${namespace}/${serviceaccount.name}`
    const detail = `${what}, uid ${serviceaccount.uid}`
    steps.push({
      step: 'account',
      outcome: liveness(cache, 'serviceaccounts', `${namespace}/${serviceaccount.name}`, serviceaccount.uid),
      detail,
    })
  }
  const until = typeof claims['exp'] === 'number' ? `expires ${moment(claims['exp'])}` : 'never expires'
  const since = typeof claims['iat'] === 'number' ? `${moment(claims['iat'])} ` : ''
  const audiences = Array.isArray(claims['aud']) ? claims['aud'].join(', ') : String(claims['aud'] ?? 'nobody in particular')
  steps.push({ step: 'token', outcome: 'issued', detail: `${since}by ${String(claims['iss'])} for ${audiences}, ${until}` })
  if (typeof pod?.name === 'string') {
    const on = typeof node?.name === 'string' ? ` on node ${node.name}` : ''
    steps.push({
      step: 'mount',
      outcome: liveness(cache, 'pods', `${namespace}/${pod.name}`, pod.uid),
      detail: `in pod ${namespace}/${pod.name}${on}`,
    })
  } else if (typeof secret?.name === 'string') {
    const key = `${namespace}/${secret.name}`
    steps.push({ step: 'mount', outcome: liveness(cache, 'secrets', key, secret.uid), detail: `bound to secret ${key}` })
  } else {
    steps.push({ step: 'mount', outcome: 'none', detail: 'bound to no pod: somebody asked for it by TokenRequest' })
  }
  return steps
}

function liveness(cache: Cache, resource: string, key: string, uid: unknown): string {
  const object = cache.resource(`v1/${resource}`)?.get(key)?.object
  if (object === undefined) return 'gone'
  if (object.metadata?.uid !== uid) return 'another of that name'
  return object.metadata?.deletionTimestamp === undefined ? 'there' : 'being deleted'
}

function moment(seconds: number): string {
  return Math.abs(seconds) > 253_402_300_799 ? String(seconds) : `${new Date(Math.trunc(seconds) * 1000).toISOString().slice(0, 19)}Z`
}
