/**
 * Which objects the pods of a node need, kept up to date while pods, volumes and attachments change in any order.
 *
 * @see plugin/pkg/auth/authorizer/node/graph.go, plugin/pkg/auth/authorizer/node/graph_populator.go
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import type { Container, PersistentVolume, Pod } from '../api/types/core/v1.ts'
import type { Cache, CacheEvent, Subscription } from '../cache/cache.ts'

/** Kinds that a node may reach, by resource name. */
export type ReachableKind =
  | 'secrets'
  | 'configmaps'
  | 'persistentvolumeclaims'
  | 'persistentvolumes'
  | 'resourceclaims'
  | 'serviceaccounts'
  | 'pods'
  | 'volumeattachments'
  | 'resourceslices'

interface PodEntry {
  node: string
  /** `secrets/ns/name`: what it refers to, itself included. */
  references: readonly string[]
}

interface VolumeEntry {
  /** Key of its claim. */
  claim: string
  /** Keys of secrets that the kubelet reads for it. */
  secrets: readonly string[]
}

export class NodeGraph {
  readonly #pods = new Map<string, PodEntry>()
  readonly #volumes = new Map<string, VolumeEntry>()
  /** Volumes that need a secret. */
  readonly #volumesOfSecret = new Map<string, Set<string>>()
  /** Node of each attachment and resource slice. */
  readonly #nodeOf = new Map<string, string>()
  /** How many pods of each node refer to an object. */
  readonly #reach = new Map<string, Map<string, number>>()

  /** Follows the caches it knows; one that is not kept is left out. */
  follow(cache: Pick<Cache, 'resource'>): Subscription {
    const handlers: [string, (event: CacheEvent) => void][] = [
      ['v1/pods', (event) => this.#podEvent(event)],
      ['v1/persistentvolumes', ({ type, object }) => this.setVolume(nameOf(object.object), type === 'DELETED' ? undefined : object.object)],
      ['storage.k8s.io/v1/volumeattachments', (event) => this.#boundEvent('volumeattachments', event)],
      ['resource.k8s.io/v1/resourceslices', (event) => this.#boundEvent('resourceslices', event)],
    ]
    const subscriptions = handlers.flatMap(([id, handler]) => cache.resource(id)?.follow(handler) ?? [])
    return {
      close() {
        for (const subscription of subscriptions) subscription.close()
      },
    }
  }

  #podEvent({ type, object, previous }: CacheEvent): void {
    const pod = object.object as Pod
    if (type === 'MODIFIED' && previous !== undefined && sameReferences(pod, previous.object as Pod)) return
    this.setPod(pod.metadata?.namespace ?? '', nameOf(pod), type === 'DELETED' ? undefined : pod)
  }

  #boundEvent(kind: 'volumeattachments' | 'resourceslices', { type, object }: CacheEvent): void {
    this.setBound(kind, nameOf(object.object), type === 'DELETED' ? '' : (object.object['spec']?.nodeName ?? ''))
  }

  /** Undefined once it is gone. A pod that runs nowhere gives nobody anything. */
  setPod(namespace: string, name: string, pod: Pod | undefined): void {
    const key = `${namespace}/${name}`
    const old = this.#pods.get(key)
    if (old !== undefined) {
      for (const reference of old.references) this.#count(reference, old.node, -1)
      this.#pods.delete(key)
    }
    const node = pod?.spec?.nodeName ?? ''
    if (pod === undefined || node === '') return
    const entry = { node, references: podReferences(pod, namespace, name) }
    this.#pods.set(key, entry)
    for (const reference of entry.references) this.#count(reference, node, 1)
  }

  #count(reference: string, node: string, change: 1 | -1): void {
    let nodes = this.#reach.get(reference)
    if (nodes === undefined) {
      nodes = new Map()
      this.#reach.set(reference, nodes)
    }
    const count = (nodes.get(node) ?? 0) + change
    if (count > 0) nodes.set(node, count)
    else nodes.delete(node)
    if (nodes.size === 0) this.#reach.delete(reference)
  }

  setVolume(name: string, volume: PersistentVolume | undefined): void {
    for (const secret of this.#volumes.get(name)?.secrets ?? []) {
      const volumes = this.#volumesOfSecret.get(secret)
      volumes?.delete(name)
      if (volumes?.size === 0) this.#volumesOfSecret.delete(secret)
    }
    this.#volumes.delete(name)
    const claim = volume?.spec?.claimRef
    if (volume === undefined || claim === undefined) return
    const secrets = volumeSecrets(volume)
    this.#volumes.set(name, { claim: keyOf('persistentvolumeclaims', claim.namespace ?? '', claim.name ?? ''), secrets })
    for (const secret of secrets) {
      const volumes = this.#volumesOfSecret.get(secret)
      if (volumes === undefined) this.#volumesOfSecret.set(secret, new Set([name]))
      else volumes.add(name)
    }
  }

  /** Attachments and slices belong to one node; `''` for none. */
  setBound(kind: 'volumeattachments' | 'resourceslices', name: string, node: string): void {
    const key = keyOf(kind, '', name)
    if (node === '') this.#nodeOf.delete(key)
    else this.#nodeOf.set(key, node)
  }

  /** Whether the node has to do with the object: through a pod, a volume of a pod, or by being its node. */
  reaches(node: string, kind: ReachableKind, namespace: string, name: string): boolean {
    if (kind === 'volumeattachments' || kind === 'resourceslices') return this.#nodeOf.get(keyOf(kind, namespace, name)) === node
    if (kind === 'persistentvolumes') return namespace === '' && this.#reachesVolume(node, name)
    const key = keyOf(kind, namespace, name)
    if (this.#reach.get(key)?.has(node) === true) return true
    if (kind !== 'secrets') return false
    for (const volume of this.#volumesOfSecret.get(key) ?? []) if (this.#reachesVolume(node, volume)) return true
    return false
  }

  #reachesVolume(node: string, name: string): boolean {
    const volume = this.#volumes.get(name)
    return volume !== undefined && this.#reach.get(volume.claim)?.has(node) === true
  }

  /** Sizes of all tables: nothing stays behind when everything is gone. */
  get size(): number {
    return this.#pods.size + this.#volumes.size + this.#volumesOfSecret.size + this.#nodeOf.size + this.#reach.size
  }
}

function nameOf(object: KubeObject): string {
  return object.metadata?.name ?? ''
}

function keyOf(kind: ReachableKind, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`
}

/** All that can change what a bound pod refers to; the rest of its spec cannot change. */
function sameReferences(pod: Pod, old: Pod): boolean {
  const statuses = (one: Pod) =>
    JSON.stringify([one.status?.resourceClaimStatuses ?? [], one.status?.extendedResourceClaimStatus?.resourceClaimName ?? ''])
  return (
    pod.spec?.nodeName === old.spec?.nodeName &&
    pod.metadata?.uid === old.metadata?.uid &&
    (pod.spec?.ephemeralContainers?.length ?? 0) === (old.spec?.ephemeralContainers?.length ?? 0) &&
    statuses(pod) === statuses(old)
  )
}

const MIRROR = 'kubernetes.io/config.mirror'

/** A node makes mirror pods itself, so they open nothing to it. */
function podReferences(pod: Pod, namespace: string, name: string): string[] {
  const references = new Set([keyOf('pods', namespace, name)])
  if (pod.metadata?.annotations !== undefined && Object.hasOwn(pod.metadata.annotations, MIRROR)) return [...references]
  const add = (kind: ReachableKind, to: string | undefined) => {
    if (to !== undefined && to !== '') references.add(keyOf(kind, namespace, to))
  }
  add('serviceaccounts', pod.spec?.serviceAccountName)
  for (const secret of podSecretNames(pod)) add('secrets', secret)
  for (const configMap of podConfigMapNames(pod)) add('configmaps', configMap)
  for (const volume of pod.spec?.volumes ?? []) {
    if (volume.persistentVolumeClaim !== undefined) add('persistentvolumeclaims', volume.persistentVolumeClaim.claimName)
    else if (volume.ephemeral !== undefined) add('persistentvolumeclaims', `${name}-${volume.name}`)
  }
  for (const claim of podResourceClaimNames(pod)) add('resourceclaims', claim)
  return [...references]
}

function allContainers(pod: Pod): Container[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {}
  return [...initContainers, ...containers, ...(ephemeralContainers as Container[])]
}

/**
 * Every secret that a pod's spec names.
 *
 * @see pkg/api/v1/pod/util.go
 */
export function podSecretNames(pod: Pod): string[] {
  const names: (string | undefined)[] = (pod.spec?.imagePullSecrets ?? []).map(({ name }) => name)
  for (const container of allContainers(pod)) {
    for (const { secretRef } of container.envFrom ?? []) names.push(secretRef?.name)
    for (const { valueFrom } of container.env ?? []) names.push(valueFrom?.secretKeyRef?.name)
  }
  for (const volume of pod.spec?.volumes ?? []) {
    names.push(volume.azureFile?.secretName, volume.secret?.secretName, volume.csi?.nodePublishSecretRef?.name)
    for (const source of [volume.cephfs, volume.cinder, volume.flexVolume, volume.rbd, volume.scaleIO, volume.iscsi, volume.storageos])
      names.push(source?.secretRef?.name)
    for (const { secret } of volume.projected?.sources ?? []) names.push(secret?.name)
  }
  return named(names)
}

/** Every ConfigMap that a pod's spec names. */
export function podConfigMapNames(pod: Pod): string[] {
  const names: (string | undefined)[] = []
  for (const container of allContainers(pod)) {
    for (const { configMapRef } of container.envFrom ?? []) names.push(configMapRef?.name)
    for (const { valueFrom } of container.env ?? []) names.push(valueFrom?.configMapKeyRef?.name)
  }
  for (const volume of pod.spec?.volumes ?? []) {
    names.push(volume.configMap?.name)
    for (const { configMap } of volume.projected?.sources ?? []) names.push(configMap?.name)
  }
  return named(names)
}

function podResourceClaimNames(pod: Pod): string[] {
  const made = new Map((pod.status?.resourceClaimStatuses ?? []).map(({ name, resourceClaimName }) => [name, resourceClaimName]))
  const names = (pod.spec?.resourceClaims ?? []).map((claim) => claim.resourceClaimName ?? made.get(claim.name))
  return named([...names, pod.status?.extendedResourceClaimStatus?.resourceClaimName])
}

function named(names: readonly (string | undefined)[]): string[] {
  return names.filter((name) => name !== undefined && name !== '') as string[]
}

/** Keys of the secrets that the kubelet reads to mount a volume. */
function volumeSecrets(volume: PersistentVolume): string[] {
  const spec = volume.spec ?? {}
  const claimNamespace = spec.claimRef?.namespace ?? ''
  const found: string[] = []
  const add = (namespace: string | undefined, name: string | undefined) => {
    if (name !== undefined && name !== '') found.push(keyOf('secrets', namespace ?? '', name))
  }
  if (spec.azureFile !== undefined) add(spec.azureFile.secretNamespace || claimNamespace, spec.azureFile.secretName)
  for (const source of [spec.cephfs, spec.flexVolume, spec.rbd, spec.scaleIO, spec.iscsi])
    add(source?.secretRef?.namespace || claimNamespace, source?.secretRef?.name)
  for (const reference of [
    spec.cinder?.secretRef,
    spec.storageos?.secretRef,
    spec.csi?.nodePublishSecretRef,
    spec.csi?.nodeStageSecretRef,
    spec.csi?.nodeExpandSecretRef,
  ])
    add(reference?.namespace, reference?.name)
  return found
}
