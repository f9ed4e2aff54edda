/**
 * Who may change which part of a ResourceClaim's status, beyond the right to update the status: what binds the claim takes
 * `resourceclaims/binding`, the devices of a driver take `resourceclaims/driver` with a verb that says whose node it is.
 *
 * @see pkg/registry/resource/utils.go; KEP-4817
 * @module
 */
import { type FieldError, forbiddenField } from '../../api/field.ts'
import { dns1123SubdomainErrors } from '../../api/names.ts'
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceRequestAllocationResult,
  ResourceClaimStatus,
} from '../../api/types/resource/v1.ts'
import type { UserInfo } from '../../authentication/user.ts'
import type { Attributes } from '../../authorization/authorizer.ts'
import { forbiddenMessage } from '../../authorization/forbidden.ts'
import type { Write } from '../resource.ts'
import { semanticEqual } from '../validation.ts'

const NODE_NAME = 'authentication.kubernetes.io/node-name'

/** Which device of which pool of which driver. */
export function deviceId({ driver = '', pool = '', device = '', shareID }: AllocatedDeviceStatus | DeviceRequestAllocationResult): string {
  return [driver, pool, device, ...(shareID ? [shareID] : [])].join('/')
}

/** What of a status update this writer may not make. */
export async function authorizeClaimStatus(status: ResourceClaimStatus, old: ResourceClaimStatus, write: Write): Promise<FieldError[]> {
  const errors: FieldError[] = []
  if (!semanticEqual(status.allocation, old.allocation) || !semanticEqual(status.reservedFor ?? [], old.reservedFor ?? [])) {
    const refusal = await refusalOf(write, { verb: write.verb, subresource: 'binding', namespace: '', name: '' })
    const needed = `changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="${write.verb}" permission`
    if (refusal !== undefined) errors.push(forbiddenField('status.allocation', `${needed}: ${refusal}`))
  }
  // Without an allocation the devices are dropped anyway.
  if (status.allocation === undefined) return errors
  const arbitrary = `arbitrary-node:${write.verb}`
  const verbs = isOnNode(write.user, nodeOf(status.allocation)) ? [`associated-node:${write.verb}`, arbitrary] : [arbitrary]
  for (const driver of changedDrivers(status, old)) {
    const refusal = await firstRefusal(write, verbs, driver)
    const needed = `changing status.devices requires resource="resourceclaims/driver", verb="[${verbs.join(' ')}]" permission`
    if (refusal !== undefined) errors.push(forbiddenField('status.devices', `${needed}: ${refusal}`))
  }
  return errors
}

/** Undefined when one of the verbs is allowed. */
async function firstRefusal(write: Write, verbs: readonly string[], driver: string): Promise<string | undefined> {
  let first: string | undefined
  for (const verb of verbs) {
    const refusal = await refusalOf(write, { verb, subresource: 'driver', namespace: write.namespace, name: driver })
    if (refusal === undefined) return undefined
    first ??= refusal
  }
  return first
}

type Asked = Pick<Attributes, 'verb' | 'subresource' | 'namespace' | 'name'>

async function refusalOf({ world, user }: Write, asked: Asked): Promise<string | undefined> {
  const attributes: Attributes = {
    user,
    isResource: true,
    apiGroup: 'resource.k8s.io',
    apiVersion: 'v1',
    resource: 'resourceclaims',
    path: '',
    ...asked,
  }
  const { decision, reason, evaluationError } = await world.authorizer.authorize(attributes)
  if (decision === 'allow') return undefined
  return forbiddenMessage(attributes, [evaluationError, reason].filter(Boolean).join(': '))
}

function changedDrivers({ devices = [] }: ResourceClaimStatus, old: ResourceClaimStatus): string[] {
  const before = new Map((old.devices ?? []).map((device) => [deviceId(device), device]))
  const drivers = new Set<string>()
  for (const device of devices) {
    const id = deviceId(device)
    if (!semanticEqual(before.get(id), device)) drivers.add(device.driver ?? '')
    before.delete(id)
  }
  for (const { driver = '' } of before.values()) drivers.add(driver)
  return [...drivers].sort()
}

/** The one node that an allocation is for; undefined when it is for several, or for any. */
function nodeOf({ nodeSelector }: AllocationResult): string | undefined {
  const [term, ...terms] = nodeSelector?.nodeSelectorTerms ?? []
  const [field, ...fields] = term?.matchFields ?? []
  if (field === undefined || terms.length > 0 || fields.length > 0 || (term?.matchExpressions ?? []).length > 0) return undefined
  const isName = field.key === 'metadata.name' && field.operator === 'In' && field.values?.length === 1
  return isName ? field.values?.[0] : undefined
}

/** Whether a service account's token is bound to the node. */
function isOnNode({ username, extra }: UserInfo, node: string | undefined): boolean {
  if (!node || !username.startsWith('system:serviceaccount:')) return false
  const names = extra?.[NODE_NAME] ?? []
  return names.length === 1 && names[0] === node && dns1123SubdomainErrors(node).length === 0
}
