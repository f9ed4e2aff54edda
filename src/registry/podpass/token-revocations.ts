/**
 * `tokenrevocations`: takes back a token, all of an account, or all that are bound to a pod or node. Only ever POSTed.
 *
 * @module
 */
import { type FieldError, invalidValue, required } from '../../api/field.ts'
import type { KubeObject } from '../../api/object.ts'
import { invalid, notFound } from '../../api/status.ts'
import { rfc3339 } from '../../clock.ts'
import type { TokenOwner } from '../../token/issuer.ts'
import type { TokenLedger } from '../../token/ledger.ts'
import type { Action, ResourceDefinition } from '../resource.ts'
import { review } from '../review.ts'
import { PODPASS_GROUP, PODPASS_VERSION, schemaName } from './schemas.ts'

const KIND = { group: PODPASS_GROUP, version: PODPASS_VERSION, kind: 'TokenRevocation' }

const OWNERS = {
  serviceAccount: { kind: 'Account', resource: 'serviceaccounts', namespaced: true },
  pod: { kind: 'Pod', resource: 'pods', namespaced: true },
  node: { kind: 'Node', resource: 'nodes', namespaced: false },
} as const satisfies Record<string, { kind: TokenOwner['kind']; resource: string; namespaced: boolean }>

type OwnerMember = keyof typeof OWNERS

export function tokenRevocations(ledger: TokenLedger): ResourceDefinition {
  return review({
    kind: KIND,
    schema: schemaName('TokenRevocation'),
    create: (action, body) => revoke(ledger, action, body),
  })
}

async function revoke(ledger: TokenLedger, action: Action, body: KubeObject): Promise<KubeObject> {
  const spec: { jti?: string } & Partial<Record<OwnerMember, { namespace?: string; name: string }>> = body['spec'] ?? {}
  const errors = problems(spec)
  if (errors.length > 0) throw invalid(KIND, body.metadata?.name ?? '', errors)
  await action.validateAdmission()
  const owner = ownerOf(spec, action)
  let revokedTokens = 0
  if (!action.dryRun) {
    if (owner !== undefined) revokedTokens = await ledger.revokeOwner(owner)
    else if (await ledger.revokeToken(spec.jti!)) revokedTokens = 1
    else throw notFound({ group: PODPASS_GROUP, resource: 'issuedtokens' }, spec.jti!)
  }
  return { ...body, status: { revokedTokens, revocationTimestamp: rfc3339(action.world.clock.nowMs()) } }
}

function problems(spec: object): FieldError[] {
  const given = ['jti', ...Object.keys(OWNERS)].filter((member) => (spec as Record<string, unknown>)[member] !== undefined)
  if (given.length !== 1) {
    const what = 'exactly one of jti, serviceAccount, pod and node says what is revoked'
    return [given.length === 0 ? required('spec', what) : invalidValue('spec', given.join(), what)]
  }
  return []
}

/** Undefined for a single token. Throws NotFound for what is not there: its tokens died with it. */
function ownerOf(spec: Partial<Record<OwnerMember, { namespace?: string; name: string }>>, { world }: Action): TokenOwner | undefined {
  for (const member of Object.keys(OWNERS) as OwnerMember[]) {
    const reference = spec[member]
    if (reference === undefined) continue
    const { kind, resource, namespaced } = OWNERS[member]
    const key = namespaced ? `${reference.namespace ?? ''}/${reference.name}` : reference.name
    const uid = world.cache.resource(`v1/${resource}`)?.get(key)?.object.metadata?.uid
    if (uid === undefined) throw notFound({ group: '', resource }, reference.name)
    return { kind, uid }
  }
  return undefined
}
