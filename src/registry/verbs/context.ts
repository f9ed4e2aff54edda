/**
 * One request on its way through the generic verbs, and what the verbs answer.
 *
 * @module
 */

import type { AdmissionRequest, Operation } from '../../admission/admission.ts'
import type { GroupVersionKind, KubeObject } from '../../api/object.ts'
import type { Status } from '../../api/status.ts'
import type { UserInfo } from '../../authentication/user.ts'
import type { CachedObject } from '../../cache/cache.ts'
import type { Store } from '../../storage/store.ts'
import type { Endpoint, Registry } from '../endpoint.ts'
import type { RegistryAccess, Verb, World, Write } from '../resource.ts'
import type { KeyedQueue } from './keyed-queue.ts'

/** Runs the admission plugins; made once per server. */
export interface AdmissionRunner {
  /** Mutating phase: changes `request.object` in place. */
  admit(request: AdmissionRequest): Promise<void> | void
  validate(request: AdmissionRequest): Promise<void> | void
}

/** What all verbs share. */
export interface Verbs {
  registry: Registry
  store: Store
  world: World
  admission: AdmissionRunner
  queue: KeyedQueue
  access: RegistryAccess
}

export interface VerbContext {
  verbs: Verbs
  user: UserInfo
  namespace: string
  /** `''` for collections. */
  name: string
  subresource: string
  query: URLSearchParams
  contentType: string
  userAgent: string
  remoteAddress: string
  /** Reads the body once; bounded. */
  body(): Promise<Buffer>
  nowMs: number
  warn(text: string): void
  annotate(key: string, value: string, from?: 'Request'): void
  /**
   * Aborts when the peer goes away or the deadline passes. Made when first asked for: a function, because an object literal with a getter
   * costs a hidden class of its own, and that keeps the whole request alive until the next full garbage collection.
   */
  signal(): AbortSignal
  /** Until the request's time is up; absent for calls from inside the process. */
  remainingMs?(): number
}

/** A single object: as cached bytes where nothing has to be changed, or decoded. */
export interface ObjectResult {
  kind: 'object'
  code: number
  endpoint: Endpoint
  cached?: CachedObject
  /** In the endpoint's version; made from `cached` when absent. */
  object?: KubeObject
}

/** An object of another kind than the endpoint's: a scale, a token request, a review. */
export interface ViewResult {
  kind: 'view'
  code: number
  schema: string
  object: KubeObject
  /** The answer of an action, not a view of something stored. */
  action?: true
}

export interface StatusResult {
  kind: 'status'
  code: number
  status: Status
}

export interface ListResult {
  kind: 'list'
  code: number
  endpoint: Endpoint
  items: CachedObject[]
  revision: number
  continueToken?: string
  remainingItemCount?: number
}

export type Result = ObjectResult | ViewResult | StatusResult | ListResult

export function writeOf(context: VerbContext, name: string, verb: Verb, dryRun: boolean): Write {
  return {
    world: context.verbs.world,
    user: context.user,
    namespace: context.namespace,
    name,
    subresource: context.subresource,
    verb,
    dryRun,
    warn: context.warn,
    nowMs: context.nowMs,
  }
}

export function admissionRequest(
  context: VerbContext,
  endpoint: Endpoint,
  operation: Operation,
  subject: {
    name: string
    object: KubeObject | undefined
    oldObject: KubeObject | undefined
    options: KubeObject
    dryRun: boolean
    /** When it is not the endpoint's. */
    kind?: GroupVersionKind
  },
): AdmissionRequest {
  return {
    operation,
    group: endpoint.gr.group,
    version: endpoint.gvk.version,
    resource: endpoint.gr.resource,
    subresource: context.subresource,
    kind: subject.kind ?? endpoint.gvk,
    namespace: isNamespace(endpoint) ? subject.name : context.namespace,
    name: subject.name,
    object: subject.object,
    oldObject: subject.oldObject,
    options: optionsOf(operation, subject.options),
    user: context.user,
    dryRun: subject.dryRun,
    warn: context.warn,
    annotate: context.annotate,
    signal: context.signal,
    ...(context.remainingMs === undefined ? {} : { remainingMs: context.remainingMs }),
  }
}

/** A patch shows the options of what it turns out to be. @see apiserver/pkg/endpoints/handlers/patch.go, patchToUpdateOptions */
function optionsOf(operation: Operation, options: KubeObject): KubeObject {
  if (options.kind !== 'PatchOptions') return options
  const { force: _, ...shared } = options
  return { ...shared, kind: operation === 'CREATE' ? 'CreateOptions' : 'UpdateOptions' }
}

/** A namespace is in itself: admission sees it so. */
function isNamespace({ gr }: Endpoint): boolean {
  return gr.group === '' && gr.resource === 'namespaces'
}
