/**
 * Who writes a policy with parameters, or a binding that names some, shows them to whoever is refused: the writer must be able to read them.
 *
 * @see pkg/registry/admissionregistration/{validatingadmissionpolicy,validatingadmissionpolicybinding,mutatingadmissionpolicy,mutatingadmissionpolicybinding}/authz.go
 * @module
 */
import { type FieldError, forbiddenField } from '../../api/field.ts'
import type { KubeObject } from '../../api/object.ts'
import { goValue } from '../../api/patch/go-format.ts'
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ParamKind,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../api/types/admissionregistration/v1.ts'
import { SYSTEM_MASTERS, type UserInfo } from '../../authentication/user.ts'
import type { Write } from '../resource.ts'
import { semanticEqual } from '../validation.ts'

type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy
type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding

/** What the authorizer had against an object. It is asked before validation, which cannot wait, and told behind what validation finds. */
const refusals = new WeakMap<KubeObject, string>()

/** Behind everything else that is wrong: told only of objects that are well-formed. */
export function withParamErrors(object: KubeObject, field: string, errors: FieldError[]): FieldError[] {
  const refusal = refusals.get(object)
  return errors.length > 0 || refusal === undefined ? errors : [forbiddenField(field, refusal)]
}

export async function checkParamKind(policy: Policy, old: Policy | undefined, write: Write): Promise<void> {
  const kind = policy.spec?.paramKind
  if (kind === undefined || semanticEqual(kind, old?.spec?.paramKind) || isPrivileged(write)) return
  const { group, version, resource } = paramResource(kind, write)
  if (await may(write, 'get', { group, version, resource: resource ?? '*' }, { namespace: '*', name: '*' })) return
  const what = `(kind=${kind.kind ?? ''}, apiVersion=${kind.apiVersion ?? ''})`
  refusals.set(policy, `user ${goUser(write.user)} must have "get" permission on all objects of the referenced paramKind ${what}`)
}

/** @param policies where the policy is found that the binding names */
export async function checkParamRef(
  policies: 'validatingadmissionpolicies' | 'mutatingadmissionpolicies',
  binding: Binding,
  write: Write,
): Promise<void> {
  const { paramRef, policyName = '' } = binding.spec ?? {}
  if (paramRef === undefined || isPrivileged(write)) return
  const policy = write.world.cache.resource(`admissionregistration.k8s.io/v1/${policies}`)?.get(policyName)?.object as Policy | undefined
  const kind = policy?.spec?.paramKind
  const known = kind === undefined ? undefined : paramResource(kind, write)
  const verb = (paramRef.name ?? '') === '' ? 'list' : 'get'
  const target = { group: known?.group ?? '*', version: known?.version ?? '*', resource: known?.resource ?? '*' }
  if (await may(write, verb, target, { namespace: paramRef.namespace ?? '', name: paramRef.name ?? '' })) return
  const user = goUser(write.user)
  const everything = `to determine minimum required permissions and user ${user} does not have "${verb}" permission for all groups, versions and resources`
  if (policy === undefined) refusals.set(binding, `unable to get policy ${policyName} ${everything}`)
  else if (kind !== undefined && known?.resource === undefined)
    refusals.set(binding, `unable to resolve paramKind &{${kind.apiVersion ?? ''} ${kind.kind ?? ''}} ${everything}`)
  else {
    // Upstream confuses the two where it speaks of mutating policies.
    const [who, what] = policies === 'mutatingadmissionpolicies' ? [verb, user] : [user, verb]
    refusals.set(binding, `user ${who} does not have "${what}" permission on the object referenced by paramRef`)
  }
}

function isPrivileged({ user }: Write): boolean {
  return user.groups.includes(SYSTEM_MASTERS)
}

interface Target {
  group: string
  version: string
  resource: string
}

/** The resource is undefined when nothing of that kind is served. */
function paramResource(
  { apiVersion = '', kind = '' }: ParamKind,
  { world }: Write,
): Omit<Target, 'resource'> & { resource: string | undefined } {
  const slash = apiVersion.indexOf('/')
  return {
    group: slash === -1 ? '' : apiVersion.slice(0, slash),
    version: apiVersion.slice(slash + 1),
    resource: world.resourceOfKind?.(apiVersion, kind),
  }
}

async function may(write: Write, verb: string, target: Target, { namespace, name }: { namespace: string; name: string }): Promise<boolean> {
  const { decision } = await write.world.authorizer.authorize({
    user: write.user,
    verb,
    isResource: true,
    apiGroup: target.group,
    apiVersion: target.version,
    resource: target.resource,
    subresource: '',
    namespace,
    name,
    path: '',
  })
  return decision === 'allow'
}

/** `&{name uid [groups] map[extra]}`. */
function goUser({ username, uid = '', groups, extra = {} }: UserInfo): string {
  return `&{${username} ${uid} ${goValue(groups)} ${goValue(extra)}}`
}
