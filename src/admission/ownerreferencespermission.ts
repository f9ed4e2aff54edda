/**
 * `OwnerReferencesPermissionEnforcement`: who ties an object to an owner may delete it, and who lets it hold its owner may finalize that.
 *
 * @see plugin/pkg/admission/gc/gc_admission.go
 * @module
 */
import { semanticEqual } from '../api/semantic-equal.ts'
import type { OwnerReference } from '../api/types/meta/v1.ts'
import type { Attributes, Authorizer } from '../authorization/authorizer.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'

/** A resource that objects of a kind are served as. */
export interface ServedAs {
  group: string
  version: string
  resource: string
  namespaced: boolean
}

export interface OwnerReferencesDeps {
  authorizer: Authorizer
  /** `apps/v1`, `Deployment`; empty when no such kind is served. */
  servedAs(apiVersion: string, kind: string): readonly ServedAs[]
}

export function ownerReferencesPermission({ authorizer, servedAs }: OwnerReferencesDeps): AdmissionPlugin {
  return {
    name: 'OwnerReferencesPermissionEnforcement',
    handles: ({ operation, group, resource, subresource }) =>
      (operation === 'CREATE' || operation === 'UPDATE') && !(group === '' && resource === 'pods' && subresource === 'status'),
    async validate(request) {
      const owners = request.object?.metadata?.ownerReferences ?? []
      const before = request.oldObject?.metadata?.ownerReferences ?? []
      if (semanticEqual(owners, before)) return
      // Whoever makes an object could as well not have made it.
      if (request.operation !== 'CREATE') {
        const { decision, reason, evaluationError } = await authorizer.authorize(deletion(request))
        if (decision !== 'allow')
          throw admissionForbidden(
            request,
            `cannot set an ownerRef on a resource you can't delete: ${reason}, ${evaluationError ?? '<nil>'}`,
          )
      }
      const blocking = newlyBlocking(owners, before)
      if (blocking.length === 0) return
      const { decision: mayAll } = await authorizer.authorize(
        finalization(request, { group: '*', version: '*', resource: '*', namespaced: false }, '*'),
      )
      if (mayAll === 'allow') return
      for (const owner of blocking) await mayFinalize(request, owner)
    },
  }

  async function mayFinalize(request: AdmissionRequest, { apiVersion = '', kind = '', name = '' }: OwnerReference): Promise<void> {
    const resources = servedAs(apiVersion, kind)
    if (resources.length === 0) {
      const why = `no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`
      throw admissionForbidden(
        request,
        `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${apiVersion} Kind ${kind}: ${why}`,
      )
    }
    for (const resource of resources) {
      const { decision, reason, evaluationError } = await authorizer.authorize(finalization(request, resource, name))
      if (decision === 'allow') continue
      throw admissionForbidden(
        request,
        `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${reason}, ${evaluationError ?? '<nil>'}`,
      )
    }
  }
}

function newlyBlocking(owners: readonly OwnerReference[], before: readonly OwnerReference[]): OwnerReference[] {
  const held = new Set(before.filter(({ blockOwnerDeletion }) => blockOwnerDeletion === true).map(({ uid }) => uid))
  return owners.filter(({ blockOwnerDeletion, uid }) => blockOwnerDeletion === true && !held.has(uid))
}

function deletion({ user, group, version, resource, subresource, namespace, name }: AdmissionRequest): Attributes {
  return { user, verb: 'delete', isResource: true, apiGroup: group, apiVersion: version, resource, subresource, namespace, name, path: '' }
}

/** An owner in a namespace is in that of its dependent. */
function finalization(request: AdmissionRequest, { group, version, resource, namespaced }: ServedAs, name: string): Attributes {
  const namespace = namespaced ? request.namespace : ''
  return {
    user: request.user,
    verb: 'update',
    isResource: true,
    apiGroup: group,
    apiVersion: version,
    resource,
    subresource: 'finalizers',
    namespace,
    name,
    path: '',
  }
}
