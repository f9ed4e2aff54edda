/**
 * Nothing is made in a namespace that is missing or on its way out, and three namespaces stay.
 *
 * Where upstream waits 50 ms and asks storage, the cache is brought up to what was acknowledged before the request, which is the same
 * promise: on an embedded store it always is (decision 0011).
 *
 * @see apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go
 * @module
 */
import { forbidden, notFound } from '../api/status.ts'
import type { Cache } from '../cache/cache.ts'
import type { Clock } from '../clock.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'

const NAMESPACES = { group: '', resource: 'namespaces' }
const IMMORTAL = new Set(['default', 'kube-system', 'kube-public'])
/** After a deletion seen here, another replica's knowledge is asked for this long. */
const FORCED_FRESH_MS = 30_000
const REMEMBERED_DELETIONS = 100

export function namespaceLifecycle({ cache, clock }: { cache: Pick<Cache, 'resource' | 'fresh'>; clock: Clock }): AdmissionPlugin {
  const deletedUntilMs = new Map<string, number>()

  const phaseOf = (namespace: string): string | undefined => {
    const object = cache.resource('v1/namespaces')?.get(namespace)?.object
    return object === undefined ? undefined : (object['status']?.phase ?? 'Active')
  }

  const judge = (request: AdmissionRequest): void => {
    const { namespace } = request
    const phase = phaseOf(namespace)
    if (phase === undefined) throw notFound(NAMESPACES, namespace)
    if (request.operation !== 'CREATE' || phase !== 'Terminating') return
    const refusal = admissionForbidden(request, `unable to create new content in namespace ${namespace} because it is being terminated`)
    refusal.status.details!.causes = [
      { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' },
    ]
    throw refusal
  }

  const remember = (namespace: string): void => {
    deletedUntilMs.delete(namespace)
    deletedUntilMs.set(namespace, clock.nowMs() + FORCED_FRESH_MS)
    if (deletedUntilMs.size > REMEMBERED_DELETIONS)
      for (const oldest of [...deletedUntilMs.keys()].slice(0, 1)) deletedUntilMs.delete(oldest)
  }

  const mayBeStale = (namespace: string): boolean => {
    const phase = phaseOf(namespace)
    if (phase === undefined) return true
    return phase === 'Active' && (deletedUntilMs.get(namespace) ?? 0) > clock.nowMs()
  }

  return {
    name: 'NamespaceLifecycle',
    handles: ({ operation }) => operation !== 'CONNECT',
    admit(request) {
      const { operation, kind, namespace, name } = request
      const isNamespace = kind.group === '' && kind.kind === 'Namespace'
      if (isNamespace) {
        if (operation !== 'DELETE') return
        if (IMMORTAL.has(name)) throw forbidden(request, name, 'this namespace may not be deleted')
        remember(name)
        return
      }
      if (namespace === '' || operation === 'DELETE') return
      // Even "not found" would tell something to those who may only ask about access.
      if (request.group === 'authorization.k8s.io' && request.resource === 'localsubjectaccessreviews') return
      const fresh = mayBeStale(namespace) ? cache.fresh() : undefined
      if (fresh === undefined) return judge(request)
      return fresh.then(() => judge(request))
    },
  }
}
