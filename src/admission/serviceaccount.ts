/**
 * `ServiceAccount`: gives every pod an account, its token, its certificate and its namespace as files, and the account's pull secrets.
 *
 * @see plugin/pkg/admission/serviceaccount/admission.go
 * @module
 */
import { failure, notFound, type StatusError } from '../api/status.ts'
import type { Container, EphemeralContainer, Pod, PodSpec, ServiceAccount, Volume, VolumeMount } from '../api/types/core/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { Clock } from '../clock.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'

const DEFAULT_ACCOUNT = 'default'
const MIRROR_POD = 'kubernetes.io/config.mirror'
const ENFORCE_MOUNTABLE_SECRETS = 'kubernetes.io/enforce-mountable-secrets'
const TOKEN_VOLUME_PREFIX = 'kube-api-access-'
const TOKEN_MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'

/** A namespace's `default` account is made by a controller: a pod that comes before it waits as long as upstream's ten attempts take. */
const DEFAULT_ACCOUNT_WAIT_MS = 9 * 150

export interface ServiceAccountAdmissionDeps {
  cache: Cache
  /** For waiting only: real time, even where the server's clock is turned by hand. */
  waitingClock: Clock
  /** Of Kubernetes' alphabet for generated names. */
  randomSuffix(length: number): string
}

export function serviceAccountAdmission(deps: ServiceAccountAdmissionDeps): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    handles: ({ operation, group, resource, subresource, object }) =>
      group === '' &&
      resource === 'pods' &&
      object !== undefined &&
      (operation === 'CREATE' ? subresource === '' : operation === 'UPDATE' && subresource === 'ephemeralcontainers'),
    admit(request) {
      if (request.operation !== 'CREATE') return undefined
      const pod: Pod = request.object!
      if (isMirror(pod)) return validateMirrorPod(request, pod)
      const spec = specOf(pod)
      if ((spec.serviceAccountName ?? '') === '') {
        spec.serviceAccountName = DEFAULT_ACCOUNT
        // The deprecated name of the same field always says the same.
        spec.serviceAccount = DEFAULT_ACCOUNT
      }
      return withAccount(deps, request, pod, (account) => {
        if (automounts(account, spec)) mountToken(spec, deps.randomSuffix)
        if ((spec.imagePullSecrets ?? []).length === 0 && (account.imagePullSecrets ?? []).length > 0) {
          spec.imagePullSecrets = account.imagePullSecrets!.map(({ name }) => (name === undefined ? {} : { name }))
        }
        limitSecrets(request, account, spec)
      })
    },
    validate(request) {
      const pod: Pod = request.object!
      if (request.operation === 'UPDATE')
        return withAccount(deps, request, pod, (account) => limitEphemeralContainers(account, specOf(pod)))
      if (isMirror(pod)) return validateMirrorPod(request, pod)
      return withAccount(deps, request, pod, (account) => limitSecrets(request, account, specOf(pod)))
    },
  }
}

function isMirror(pod: Pod): boolean {
  return pod.metadata?.annotations?.[MIRROR_POD] !== undefined
}

function specOf(pod: Pod): PodSpec {
  pod.spec ??= {}
  return pod.spec
}

/** Runs `then` with the pod's account: at once when it is there, else when it has come or been waited for in vain. */
function withAccount(
  deps: ServiceAccountAdmissionDeps,
  request: AdmissionRequest,
  pod: Pod,
  then: (account: ServiceAccount) => void,
): void | Promise<void> {
  const { namespace } = request
  const name = pod.spec?.serviceAccountName ?? ''
  if (name === '') throw admissionForbidden(request, `no service account specified for pod ${namespace}/${pod.metadata?.name ?? ''}`)
  const account = find(deps.cache, namespace, name)
  if (account !== undefined) return then(account)
  return lateAccount(deps, namespace, name).then((late) => {
    if (late !== undefined) return then(late)
    const gone = notFound({ group: '', resource: 'serviceaccount' }, name)
    throw admissionForbidden(request, `error looking up service account ${namespace}/${name}: ${gone.message}`)
  })
}

function find(cache: Cache, namespace: string, name: string): ServiceAccount | undefined {
  return cache.resource('v1/serviceaccounts')?.get(`${namespace}/${name}`)?.object
}

async function lateAccount(deps: ServiceAccountAdmissionDeps, namespace: string, name: string): Promise<ServiceAccount | undefined> {
  const { cache, waitingClock } = deps
  await cache.fresh()
  const found = find(cache, namespace, name)
  const accounts = cache.resource('v1/serviceaccounts')
  if (found !== undefined || name !== DEFAULT_ACCOUNT || accounts === undefined) return found
  const { promise, resolve } = Promise.withResolvers<void>()
  const key = `${namespace}/${name}`
  const subscription = accounts.subscribe(accounts.revision, (event) => {
    if (event.object.key === key) resolve()
  })
  const cancel = waitingClock.after(DEFAULT_ACCOUNT_WAIT_MS, resolve)
  await promise
  cancel()
  subscription?.close()
  return find(cache, namespace, name)
}

/** The pod's wish wins over the account's. */
function automounts(account: ServiceAccount, spec: PodSpec): boolean {
  return spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true
}

/** Twice is like once: an injected volume is found again by its name. Ephemeral containers get nothing. */
function mountToken(spec: PodSpec, randomSuffix: (length: number) => string): void {
  const existing = spec.volumes?.find(({ name }) => name?.startsWith(TOKEN_VOLUME_PREFIX))
  const name = existing?.name ?? `${TOKEN_VOLUME_PREFIX}${randomSuffix(5)}`
  let mounted = false
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    const mounts: VolumeMount[] = container.volumeMounts ?? []
    if (mounts.some(({ mountPath }) => mountPath === TOKEN_MOUNT_PATH)) continue
    container.volumeMounts = [...mounts, { name, readOnly: true, mountPath: TOKEN_MOUNT_PATH }]
    mounted = true
  }
  if (mounted && existing === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)]
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  }
}

/** A mirror pod stands for a file on a node: nobody may lend it an identity or secrets. */
function validateMirrorPod(request: AdmissionRequest, pod: Pod): void {
  const spec = specOf(pod)
  if ((spec.serviceAccountName ?? '') !== '') throw admissionForbidden(request, 'a mirror pod may not reference service accounts')
  if (secretNames(spec).some((name) => name !== undefined && name !== ''))
    throw admissionForbidden(request, 'a mirror pod may not reference secrets')
  const projects = spec.volumes?.some(({ projected }) =>
    projected?.sources?.some(({ serviceAccountToken }) => serviceAccountToken !== undefined),
  )
  if (projects === true) throw admissionForbidden(request, 'a mirror pod may not use ServiceAccountToken volume projections')
}

/** Every place where a pod names a secret. @see pkg/api/pod/util.go, VisitPodSecretNames */
function secretNames(spec: PodSpec): (string | undefined)[] {
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])]
  return [
    ...(spec.imagePullSecrets ?? []).map(({ name }) => name),
    ...containers.flatMap((container) => environmentSecrets(container).map(({ secret }) => secret)),
    ...(spec.volumes ?? []).flatMap((volume) => [
      volume.azureFile?.secretName,
      volume.cephfs?.secretRef?.name,
      volume.cinder?.secretRef?.name,
      volume.flexVolume?.secretRef?.name,
      ...(volume.projected?.sources ?? []).map(({ secret }) => secret?.name),
      volume.rbd?.secretRef?.name,
      volume.secret?.secretName,
      volume.scaleIO?.secretRef?.name,
      volume.iscsi?.secretRef?.name,
      volume.storageos?.secretRef?.name,
      volume.csi?.nodePublishSecretRef?.name,
    ]),
  ]
}

/** Of a container, in the order in which they are checked. */
function environmentSecrets(container: Container | EphemeralContainer): { how: string; secret: string }[] {
  const variables = (container.env ?? []).flatMap(({ name = '', valueFrom }) =>
    valueFrom?.secretKeyRef === undefined ? [] : [{ how: `envVar ${name}`, secret: valueFrom.secretKeyRef.name ?? '' }],
  )
  const wholes = (container.envFrom ?? []).flatMap(({ secretRef }) =>
    secretRef === undefined ? [] : [{ how: 'envFrom', secret: secretRef.name ?? '' }],
  )
  return [...variables, ...wholes]
}

/** Go's strconv.ParseBool; what it cannot read is false. */
function enforcesMountableSecrets(account: ServiceAccount): boolean {
  return ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(account.metadata?.annotations?.[ENFORCE_MOUNTABLE_SECRETS] ?? '')
}

/** Stops at the first secret that the account does not list, as upstream does. */
function limitSecrets(request: AdmissionRequest, account: ServiceAccount, spec: PodSpec): void {
  if (!enforcesMountableSecrets(account)) return
  const name = account.metadata?.name ?? ''
  const mountable = new Set((account.secrets ?? []).map((reference) => reference.name))
  for (const { secret } of spec.volumes ?? []) {
    if (secret !== undefined && !mountable.has(secret.secretName ?? '')) {
      throw admissionForbidden(request, unreferenced('volume with', secret.secretName ?? '', name))
    }
  }
  const problem =
    environmentProblem('init container', spec.initContainers, mountable, name) ??
    environmentProblem('container', spec.containers, mountable, name)
  if (problem !== undefined) throw admissionForbidden(request, problem)
  const pullable = new Set((account.imagePullSecrets ?? []).map((reference) => reference.name))
  for (const [index, { name: secret = '' }] of (spec.imagePullSecrets ?? []).entries()) {
    if (pullable.has(secret)) continue
    throw admissionForbidden(
      request,
      `imagePullSecrets[${index}].name="${secret}" is not allowed because service account ${name} does not reference that imagePullSecret`,
    )
  }
}

/** Upstream hands these refusals out bare, which makes them a 500 without a reason. */
function limitEphemeralContainers(account: ServiceAccount, spec: PodSpec): void {
  if (!enforcesMountableSecrets(account)) return
  const mountable = new Set((account.secrets ?? []).map(({ name }) => name))
  const problem = environmentProblem('ephemeral container', spec.ephemeralContainers, mountable, account.metadata?.name ?? '')
  if (problem !== undefined) throw bare(problem)
}

function bare(message: string): StatusError {
  return failure(500, '', message)
}

function environmentProblem(
  what: string,
  containers: readonly (Container | EphemeralContainer)[] | undefined,
  mountable: ReadonlySet<string | undefined>,
  account: string,
): string | undefined {
  for (const container of containers ?? []) {
    const bad = environmentSecrets(container).find(({ secret }) => !mountable.has(secret))
    if (bad !== undefined) return unreferenced(`${what} ${container.name ?? ''} with ${bad.how} referencing`, bad.secret, account)
  }
  return undefined
}

function unreferenced(what: string, secret: string, account: string): string {
  return `${what} secret.secretName="${secret}" is not allowed because service account ${account} does not reference that secret`
}
