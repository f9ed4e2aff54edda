/**
 * `NodeRestriction`: a kubelet changes its own Node, the pods on it, and what belongs to them.
 *
 * @see plugin/pkg/admission/noderestriction/admission.go
 * @module
 */
import { aggregateErrors } from '../api/aggregate.ts'
import type { KubeObject } from '../api/object.ts'
import { semanticEqual } from '../api/semantic-equal.ts'
import { notFound, quote } from '../api/status.ts'
import type { TokenRequest } from '../api/types/authentication/v1.ts'
import type { CertificateSigningRequest } from '../api/types/certificates/v1.ts'
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../api/types/core/v1.ts'
import type { CSIDriver } from '../api/types/storage/v1.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { nodeIdentity } from '../authorization/node.ts'
import { podConfigMapNames, podSecretNames } from '../authorization/node-graph.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { signingRequestOf } from './certificates.ts'
import { admissionForbidden } from './chain.ts'

const LEASE_NAMESPACE = 'kube-node-lease'
const MIRROR = 'kubernetes.io/config.mirror'
const KUBELET_SIGNERS = ['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet']

interface Deps {
  cache: Cache
  authorizer: Authorizer
}

/** One write of one node. */
interface Case extends Deps {
  node: string
  request: AdmissionRequest
}

export function nodeRestriction(deps: Deps): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    handles: ({ operation, user }) => operation !== 'CONNECT' && nodeIdentity(user) !== undefined,
    admit(request) {
      const node = nodeIdentity(request.user) ?? ''
      if (node === '') throw admissionForbidden(request, `could not determine node from user ${quote(request.user.username)}`)
      return admitResource({ ...deps, node, request })
    },
  }
}

function admitResource(one: Case): void | Promise<void> {
  const { group, resource, subresource } = one.request
  switch (group === '' ? resource : `${resource}.${group}`) {
    case 'pods':
      return admitPods(one)
    case 'nodes':
      return admitNode(one)
    case 'persistentvolumeclaims':
      if (subresource !== 'status') throw refuse(one, 'may only update PVC status')
      return admitClaimStatus(one)
    case 'serviceaccounts':
      return admitToken(one)
    case 'podcertificaterequests.certificates.k8s.io':
      throw refuse(one, 'PodCertificateRequest feature gate is disabled')
    case 'leases.coordination.k8s.io':
      return admitLease(one)
    case 'csinodes.storage.k8s.io':
      return admitNamedLikeNode(one, 'can only access CSINode with the same name as the requesting node')
    case 'resourceslices.resource.k8s.io':
      return admitResourceSlice(one)
    case 'certificatesigningrequests.certificates.k8s.io':
      return admitCertificateRequest(one)
    default:
      return
  }
}

function refuse({ request }: Case, why: string) {
  return admissionForbidden(request, why)
}

function admitPods(one: Case): void {
  const { subresource } = one.request
  if (subresource === '') admitPod(one)
  else if (subresource === 'status') admitPodStatus(one)
  else if (subresource === 'eviction') admitEviction(one)
  else throw refuse(one, `unexpected pod subresource ${quote(subresource)}, only 'status' and 'eviction' are allowed`)
}

function storedPod({ cache, request }: Case, name: string): Pod {
  const pod = cache.resource('v1/pods')?.get(`${request.namespace}/${name}`)?.object
  // Upstream's lister says the kind where others say the resource.
  if (pod === undefined) throw notFound({ group: '', resource: 'pod' }, name)
  return pod
}

function admitPod(one: Case): void {
  const { node, request } = one
  if (request.operation === 'CREATE') {
    admitMirrorPod(one, request.object as Pod)
    return
  }
  if (request.operation !== 'DELETE')
    throw refuse(one, `unexpected operation ${quote(request.operation)}, node ${quote(node)} can only create and delete mirror pods`)
  if (storedPod(one, request.name).spec?.nodeName !== node)
    throw refuse(one, `node ${quote(node)} can only delete pods with spec.nodeName set to itself`)
}

function admitMirrorPod(one: Case, pod: Pod): void {
  const { node, cache } = one
  const name = quote(node)
  if (!Object.hasOwn(pod.metadata?.annotations ?? {}, MIRROR))
    throw refuse(one, `pod does not have ${quote(MIRROR)} annotation, node ${name} can only create mirror pods`)
  if (pod.spec?.nodeName !== node) throw refuse(one, `node ${name} can only create pods with spec.nodeName set to itself`)
  const owners = pod.metadata?.ownerReferences ?? []
  if (owners.length > 1) throw refuse(one, `node ${name} can only create pods with a single owner reference set to itself`)
  const [owner] = owners
  if (owner === undefined || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    throw refuse(one, `node ${name} can only create pods with an owner reference set to itself`)
  }
  if (owner.controller !== true) throw refuse(one, `node ${name} can only create pods with a controller owner reference set to itself`)
  if (owner.blockOwnerDeletion === true) throw refuse(one, `node ${name} must not set blockOwnerDeletion on an owner reference`)
  const stored = cache.resource('v1/nodes')?.get(node)?.object
  if (stored === undefined) throw notFound({ group: '', resource: 'node' }, node)
  if (owner.uid !== stored.metadata?.uid)
    throw refuse(one, `node ${node} UID mismatch: expected ${owner.uid ?? ''} got ${stored.metadata?.uid ?? ''}`)
  const referenced = referencedObjects(pod)
  if (referenced !== undefined) throw refuse(one, `node ${name} can not create pods that reference ${referenced}`)
}

/** The first kind of API object that a pod needs; undefined when the kubelet can run it alone. */
function referencedObjects(pod: Pod): string | undefined {
  if ((pod.spec?.serviceAccountName ?? '') !== '') return 'serviceaccounts'
  if (podSecretNames(pod).length > 0) return 'secrets'
  if (podConfigMapNames(pod).length > 0) return 'configmaps'
  if ((pod.spec?.resourceClaims ?? []).length > 0) return 'resourceclaims'
  for (const volume of pod.spec?.volumes ?? []) {
    const referenced = volumeReference(volume)
    if (referenced !== undefined) return referenced
  }
  return undefined
}

const SELF_CONTAINED: readonly (keyof Volume)[] = [
  'awsElasticBlockStore',
  'azureDisk',
  'cephfs',
  'cinder',
  'downwardAPI',
  'emptyDir',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'gitRepo',
  'hostPath',
  'image',
  'iscsi',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
]

const REFERRING: readonly [keyof Volume, string][] = [
  ['configMap', 'configmaps (via configmap volumes)'],
  ['secret', 'secrets (via secret volumes)'],
  ['csi', 'csidrivers (via CSI volumes)'],
  ['glusterfs', 'endpoints (via glusterFS volumes)'],
  ['persistentVolumeClaim', 'persistentvolumeclaims'],
  ['ephemeral', 'persistentvolumeclaims (via ephemeral volumes)'],
  ['azureFile', 'secrets (via azureFile volumes)'],
]

const REFERRING_SOURCES: readonly [string, string][] = [
  ['configMap', 'configmaps (via projected volumes)'],
  ['secret', 'secrets (via projected volumes)'],
  ['serviceAccountToken', 'serviceaccounts (via projected volumes)'],
  ['clusterTrustBundle', 'clustertrustbundles'],
  ['podCertificate', 'podcertificates'],
]

function volumeReference(volume: Volume): string | undefined {
  if (SELF_CONTAINED.some((member) => volume[member] !== undefined)) return undefined
  const direct = REFERRING.find(([member]) => volume[member] !== undefined)
  if (direct !== undefined) return direct[1]
  if (volume.projected === undefined) return `unknown volume type for volume ${quote(volume.name ?? '')}`
  for (const source of volume.projected.sources ?? []) {
    const referring = REFERRING_SOURCES.find(([member]) => (source as Record<string, unknown>)[member] !== undefined)
    if (referring !== undefined) return referring[1]
  }
  return undefined
}

function admitPodStatus(one: Case): void {
  const { node, request } = one
  if (request.operation !== 'UPDATE') throw refuse(one, `unexpected operation ${quote(request.operation)}`)
  const old = request.oldObject as Pod
  const pod = request.object as Pod
  if (old.spec?.nodeName !== node)
    throw refuse(one, `node ${quote(node)} can only update pod status for pods with spec.nodeName set to itself`)
  if (!semanticEqual(old.metadata?.labels, pod.metadata?.labels))
    throw refuse(one, `node ${quote(node)} cannot update labels through pod status`)
  const claims = (of: Pod) => (of.status?.resourceClaimStatuses ?? []).map(({ name, resourceClaimName }) => [name, resourceClaimName])
  if (!semanticEqual(claims(old), claims(pod))) throw refuse(one, `node ${quote(node)} cannot update resource claim statues`)
  if (!semanticEqual(old.status?.extendedResourceClaimStatus, pod.status?.extendedResourceClaimStatus)) {
    throw refuse(one, `node ${quote(node)} cannot update extended resource claim status`)
  }
}

function admitEviction(one: Case): void {
  const { node, request } = one
  if (request.operation !== 'CREATE') throw refuse(one, `unexpected operation ${request.operation}`)
  const name = request.name || request.object?.metadata?.name || ''
  if (name === '') throw refuse(one, 'could not determine pod from request data')
  if (storedPod(one, name).spec?.nodeName !== node) throw refuse(one, `node ${node} can only evict pods with spec.nodeName set to itself`)
}

function admitClaimStatus(one: Case): void {
  const { node, request } = one
  if (request.operation !== 'UPDATE') throw refuse(one, `unexpected operation ${quote(request.operation)}`)
  const old = withoutGrowth(request.oldObject as PersistentVolumeClaim)
  const claim = withoutGrowth(request.object as PersistentVolumeClaim)
  const changed = changedPaths(old, claim)
  if (changed.length > 0)
    throw refuse(
      one,
      `node ${quote(node)} is not allowed to update fields other than status.quantity and status.conditions: ${changed.join(', ')}`,
    )
}

/** All that a kubelet may not change while it grows a volume. */
function withoutGrowth({ metadata = {}, spec, status = {} }: PersistentVolumeClaim): Record<string, unknown> {
  const { resourceVersion: _version, managedFields: _fields, ...meta } = metadata
  const {
    capacity: _capacity,
    conditions: _conditions,
    allocatedResources: _allocated,
    allocatedResourceStatuses: _statuses,
    ...rest
  } = status
  return { metadata: meta, spec: spec ?? {}, status: rest }
}

/** Members, two levels deep, that differ. */
function changedPaths(old: Record<string, unknown>, changed: Record<string, unknown>): string[] {
  return Object.keys(old).flatMap((top) => {
    const [before, after] = [old[top] as Record<string, unknown>, changed[top] as Record<string, unknown>]
    return [...new Set([...Object.keys(before), ...Object.keys(after)])]
      .filter((member) => !semanticEqual(before[member], after[member]))
      .map((member) => `${top}.${member}`)
  })
}

function admitNode(one: Case): void {
  const { node, request } = one
  const name = quote(node)
  const asked = request.name || request.object?.metadata?.name || ''
  if (asked !== node) throw refuse(one, `node ${name} is not allowed to modify node ${quote(asked)}`)
  const object = request.object as Node
  const old = request.oldObject as Node
  if (request.operation === 'CREATE') {
    if (object.spec?.configSource !== undefined) throw refuse(one, `node ${name} is not allowed to create pods with a non-nil configSource`)
    const labels = forbiddenLabels(object, undefined)
    if (labels.length > 0) throw refuse(one, `node ${name} is not allowed to set the following labels: ${labels.join(', ')}`)
  }
  if (request.operation !== 'UPDATE') return
  if (object.spec?.configSource !== undefined && !semanticEqual(object.spec.configSource, old.spec?.configSource)) {
    throw refuse(one, `node ${name} is not allowed to update configSource to a new non-nil configSource`)
  }
  if (!semanticEqual(object.spec?.taints ?? [], old.spec?.taints ?? [])) throw refuse(one, `node ${name} is not allowed to modify taints`)
  if (!semanticEqual(object.metadata?.ownerReferences ?? [], old.metadata?.ownerReferences ?? []))
    throw refuse(one, `node ${name} is not allowed to modify ownerReferences`)
  const labels = forbiddenLabels(object, old)
  if (labels.length > 0) throw refuse(one, `is not allowed to modify labels: ${labels.join(', ')}`)
}

const KUBELET_LABELS = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
])

/** Keys added, changed or taken away that would let a node attract pods it should not get; sorted. */
function forbiddenLabels(node: Node, old: Node | undefined): string[] {
  const labels = node.metadata?.labels ?? {}
  const before = old?.metadata?.labels ?? {}
  const keys = new Set([...Object.keys(labels), ...Object.keys(before)])
  return [...keys].filter((key) => own(labels, key) !== own(before, key) && isForbiddenLabel(key)).sort()
}

function isForbiddenLabel(key: string): boolean {
  const slash = key.indexOf('/')
  const prefix = slash < 0 ? '' : key.slice(0, slash)
  const within = (domain: string) => prefix === domain || prefix.endsWith(`.${domain}`)
  if (within('node-restriction.kubernetes.io')) return true
  if (!within('kubernetes.io') && !within('k8s.io')) return false
  return !KUBELET_LABELS.has(key) && !within('kubelet.kubernetes.io') && !within('node.kubernetes.io')
}

function own(map: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}

/** A token for a pod of the node, and only for audiences that the pod names. */
function admitToken(one: Case): void | Promise<void> {
  const { node, request } = one
  if (request.operation !== 'CREATE' || request.subresource !== 'token') return
  const { spec } = request.object as TokenRequest
  const reference = spec?.boundObjectRef
  if (reference?.apiVersion !== 'v1' || reference.kind !== 'Pod' || (reference.name ?? '') === '')
    throw refuse(one, 'node requested token not bound to a pod')
  if ((reference.uid ?? '') === '') throw refuse(one, 'node requested token with a pod binding without a uid')
  const pod = storedPod(one, reference.name ?? '')
  if (reference.uid !== pod.metadata?.uid) {
    throw refuse(
      one,
      `the UID in the bound object reference (${reference.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  }
  if (pod.spec?.nodeName !== node) throw refuse(one, 'node requested token bound to a pod scheduled on a different node')
  const audiences = spec?.audiences ?? []
  if (audiences.length > 1) throw refuse(one, 'node may only request 0 or 1 audiences')
  return admitAudience(one, pod, audiences[0] ?? '')
}

async function admitAudience(one: Case, pod: Pod, audience: string): Promise<void> {
  const { request, authorizer } = one
  const errors: string[] = []
  for (const volume of pod.spec?.volumes ?? []) {
    if (
      (volume.projected?.sources ?? []).some(
        ({ serviceAccountToken }) => serviceAccountToken !== undefined && (serviceAccountToken.audience ?? '') === audience,
      )
    )
      return
    try {
      if (driverWants(one, driverOf(one, pod, volume), audience)) return
    } catch (error) {
      // A volume that leads nowhere does not hide another that leads to the audience.
      errors.push((error as Error).message)
    }
  }
  if (errors.length > 0) throw refuse(one, `error validating audience ${quote(audience)}: ${aggregateErrors(errors)}`)
  const { decision, evaluationError } = await authorizer.authorize({
    user: request.user,
    verb: 'request-serviceaccounts-token-audience',
    isResource: true,
    apiGroup: '',
    apiVersion: 'v1',
    resource: audience,
    subresource: '',
    namespace: request.namespace,
    name: request.name,
    path: '',
  })
  if (decision === 'allow') return
  const missing = `audience ${quote(audience)} not found in pod spec volume`
  if (evaluationError !== undefined)
    throw refuse(one, `${missing}, error authorizing ${request.user.username} to request tokens for this audience: ${evaluationError}`)
  throw refuse(one, `${missing}, ${request.user.username} is not authorized to request tokens for this audience`)
}

/** CSI drivers that took over volume types of the API. */
const MIGRATED_DRIVERS: readonly [string, string][] = [
  ['awsElasticBlockStore', 'ebs.csi.aws.com'],
  ['azureDisk', 'disk.csi.azure.com'],
  ['azureFile', 'file.csi.azure.com'],
  ['cinder', 'cinder.csi.openstack.org'],
  ['gcePersistentDisk', 'pd.csi.storage.gke.io'],
  ['portworxVolume', 'pxd.portworx.com'],
  ['vsphereVolume', 'csi.vsphere.vmware.com'],
]

function migratedDriver(source: object): string {
  return MIGRATED_DRIVERS.find(([member]) => (source as Record<string, unknown>)[member] !== undefined)?.[1] ?? ''
}

/** The CSI driver behind a volume of a pod; `''` for none. */
function driverOf(one: Case, pod: Pod, volume: Volume): string {
  if (volume.ephemeral?.volumeClaimTemplate !== undefined) return driverOfClaim(one, `${pod.metadata?.name}-${volume.name}`)
  if (volume.persistentVolumeClaim !== undefined) return driverOfClaim(one, volume.persistentVolumeClaim.claimName ?? '')
  return volume.csi?.driver ?? migratedDriver(volume)
}

function driverOfClaim({ cache, request }: Case, claimName: string): string {
  const claim: PersistentVolumeClaim | undefined = cache
    .resource('v1/persistentvolumeclaims')
    ?.get(`${request.namespace}/${claimName}`)?.object
  if (claim === undefined) throw notFound({ group: '', resource: 'persistentvolumeclaim' }, claimName)
  const volumeName = claim.spec?.volumeName ?? ''
  const volume: PersistentVolume | undefined = cache.resource('v1/persistentvolumes')?.get(volumeName)?.object
  if (volume === undefined) throw notFound({ group: '', resource: 'persistentvolume' }, volumeName)
  return volume.spec?.csi?.driver ?? migratedDriver(volume.spec ?? {})
}

function driverWants({ cache }: Case, name: string, audience: string): boolean {
  if (name === '') return false
  const driver: CSIDriver | undefined = cache.resource('storage.k8s.io/v1/csidrivers')?.get(name)?.object
  if (driver === undefined) throw notFound({ group: 'storage.k8s.io', resource: 'csidriver' }, name)
  return (driver.spec?.tokenRequests ?? []).some((request) => (request.audience ?? '') === audience)
}

function nameOf({ request }: Case): string {
  return (request.operation === 'CREATE' ? request.object?.metadata?.name : request.name) ?? ''
}

function admitLease(one: Case): void {
  if (one.request.namespace !== LEASE_NAMESPACE)
    throw refuse(one, `can only access leases in the ${quote(LEASE_NAMESPACE)} system namespace`)
  admitNamedLikeNode(one, 'can only access node lease with the same name as the requesting node')
}

function admitNamedLikeNode(one: Case, refusal: string): void {
  if (nameOf(one) !== one.node) throw refuse(one, refusal)
}

function admitResourceSlice(one: Case): void {
  const nodeOf = (object: KubeObject | undefined) => object?.['spec']?.nodeName
  const { operation, object, oldObject } = one.request
  if (operation === 'CREATE' && nodeOf(object) !== one.node)
    throw refuse(one, 'can only create ResourceSlice with the same NodeName as the requesting node')
  if (operation === 'DELETE' && nodeOf(oldObject) !== one.node)
    throw refuse(one, 'can only delete ResourceSlice with the same NodeName as the requesting node')
}

function admitCertificateRequest(one: Case): void {
  const { node, request } = one
  if (request.operation !== 'CREATE') return
  const { spec } = request.object as CertificateSigningRequest
  if (!KUBELET_SIGNERS.includes(spec?.signerName ?? '')) return
  const { commonName } = signingRequestOf(request, spec?.request ?? '', 'unable to parse csr')
  if (commonName !== `system:node:${node}`) throw refuse(one, `can only create a node CSR with CN=system:node:${node}`)
}
