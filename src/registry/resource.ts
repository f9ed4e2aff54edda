/**
 * A resource as data: what it is called, which verbs it has, and the hooks where it behaves in a way of its own.
 *
 * The generic verbs (`registry/verbs/`) do everything that is the same for all kinds: decoding, metadata, admission, storage, patches,
 * managed fields, deletion. A hook sees decoded, schema-normalized objects and changes them in place.
 *
 * @see apiserver/pkg/registry/rest/{create,update,delete}.go
 * @module
 */
import type { FieldError } from '../api/field.ts'
import type { GroupVersionKind, KubeObject } from '../api/object.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { Authorizer, SelectorRequirement } from '../authorization/authorizer.ts'
import type { Cache } from '../cache/cache.ts'
import type { Clock } from '../clock.ts'
import type { RbacIndex } from '../rbac/index.ts'

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch'

export const ALL_VERBS: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

/** What hooks may use of the world. Nothing in a hook reads the system clock or draws its own randomness. */
export interface World {
  cache: Cache
  clock: Clock
  /** A fresh v4 UUID. */
  newUid(): string
  /** `length` characters of Kubernetes' safe alphabet (`bcdfghjklmnpqrstvwxz2456789`). */
  randomSuffix(length: number): string
  authorizer: Authorizer
  /** For hooks that keep objects of another kind (a Service its IPAddresses). Set by whoever makes the verbs. */
  registry?: RegistryAccess
  /** Roles and bindings as RBAC resolves them, whatever the authorization mode: what a writer of roles and bindings holds. Absent: nothing. */
  rbac?: RbacIndex
  /** The resource that a kind is served as. Set by whoever makes the verbs. */
  resourceOfKind?(apiVersion: string, kind: string): string | undefined
  /** The minor version whose tables are printed, from `--emulated-version`. */
  emulatedMinor: number
  features: Features
}

/** Settings of the server that hooks of single kinds need. */
export interface Features {
  /** `--service-cluster-ip-range`, first is primary. */
  serviceClusterIPRanges: readonly string[]
  /** `--service-node-port-range`. */
  nodePortRange: { from: number; to: number }
  allowPrivileged: boolean
  eventTTLSeconds: number
}

/** One write on its way through the hooks. */
export interface Write {
  world: World
  user: UserInfo
  /** URL namespace, `''` for cluster-scoped. */
  namespace: string
  /** URL name; on create the object's name (possibly `''` until generated). */
  name: string
  /** `''`, or `status`, `scale`, `approval`, … */
  subresource: string
  /** What the request is authorized as: `create`, `update`, `patch`. */
  verb: Verb
  dryRun: boolean
  warn(text: string): void
  nowMs: number
}

/** Text of each thing wrong with a name; empty when fine. `prefix` is true for generateName. */
export type NameRule = (name: string, prefix: boolean) => string[]

export interface Strategy<T extends KubeObject = KubeObject> {
  validateName: NameRule
  /** After the schema's own defaults, on every decode from a client or from the store of another version. Must be idempotent. */
  defaults?(object: T): void
  /** Resets what a client may not set (status), fills what the server sets. Before admission. */
  prepareForCreate?(object: T, write: Write): void
  /** Restores what a client may not change. Before admission. `metadata` is already handled. */
  prepareForUpdate?(object: T, old: T, write: Write): void
  /** After admission. Must not change the object. Generic metadata is validated by the caller, after these. */
  validate?(object: T, write: Write): FieldError[]
  /** After admission; upstream usually repeats `validate` here, so do that in the hook where upstream does. */
  validateUpdate?(object: T, old: T, write: Write): FieldError[]
  /** After prepareForUpdate: what of the change this writer may not make. Goes before the errors of `validateUpdate`. */
  authorizeUpdate?(object: T, old: T, write: Write): Promise<FieldError[]>
  /** Warning headers. `old` is undefined on create. */
  warnings?(object: T, old: T | undefined, write: Write): string[]
  /** Whether this writer may write this (RBAC's escalation checks). Before prepareForCreate and prepareForUpdate; `old` is undefined on create. Throws a StatusError. */
  authorizeWrite?(object: T, old: T | undefined, write: Write): void | Promise<void>
  /** After validation, just before the store: claims what must be unique (IP addresses, ports), sets the result in the object. Answers how to give it back if the write fails. */
  allocate?(object: T, old: T | undefined, write: Write): undefined | (() => void) | Promise<undefined | (() => void)>
  /** After the object is gone for good. */
  released?(object: T, world: World): void
  /** `generation` starts at 1 and is bumped when this says so, after prepareForUpdate, also of a write through `scale`. Absent: the kind, or this endpoint, counts none. */
  specChanged?(object: T, old: T): boolean
  /** PUT without a resourceVersion: true unless upstream says otherwise (Lease, PDB, …). */
  allowUnconditionalUpdate?: boolean
  /** PUT of a missing object creates it (RBAC, Lease, Event, Service, Endpoints, …). */
  allowCreateOnUpdate?: boolean
  /** DELETE answers the object instead of a Status (Pod, Service, ServiceAccount, …). */
  returnsDeletedObject?: boolean
  /** Graceful deletion: seconds of grace for this request, 0 to remove at once; absent: no grace. */
  gracePeriodSeconds?(object: T, requested: number | undefined): number
  /** `Orphan` for Job (batch/v1) and ReplicationController; default `Background`; `none` takes no part in garbage collection. */
  defaultPropagation?: 'Background' | 'Orphan' | 'none'
  /** Warning of a DELETE, of one or of a collection, whose options name no policy (Job: its pods stay). */
  defaultPropagationWarning?: string
  /** Throws a StatusError when the object may not be deleted. */
  checkDelete?(object: T, write: Write): void
  /** Kept although nothing else holds it: a namespace whose `spec.finalizers` are not empty. Its deletion only marks it. */
  holdsDeletion?(object: T): boolean
  /** Together with the first deletionTimestamp (a namespace's phase). */
  markDeleting?(object: T): void
  /** Seconds after which the store drops the object (events). */
  ttlSeconds?(object: T, world: World): number | undefined
  /** Top-level members of the object that this endpoint resets, as field sets for server-side apply: `['status']`. */
  resetFields?: readonly string[]
}

/** What an update through one endpoint of an object asks. */
export type UpdateStrategy<T extends KubeObject = KubeObject> = Pick<
  Strategy<T>,
  | 'prepareForUpdate'
  | 'specChanged'
  | 'validateUpdate'
  | 'authorizeUpdate'
  | 'warnings'
  | 'allocate'
  | 'resetFields'
  | 'allowUnconditionalUpdate'
  | 'authorizeWrite'
>

/** A subresource that reads and writes the parent object under other rules (`status`, `approval`, `ephemeralcontainers`, `finalize`). */
export interface ObjectSubresource<T extends KubeObject = KubeObject> {
  type: 'object'
  verbs: readonly Verb[]
  strategy: UpdateStrategy<T>
}

/** A subresource whose body is another kind made from the parent (`scale`). */
export interface ViewSubresource<T extends KubeObject = KubeObject> {
  type: 'view'
  verbs: readonly Verb[]
  kind: GroupVersionKind
  /** Schema name of the view. */
  schema: string
  view(object: T): KubeObject
  /** Writes the view back into a copy of the parent. Throws StatusErrors. */
  apply(view: KubeObject, object: T, write: Write): void
  validate?(view: KubeObject): FieldError[]
  /** How the view's managed fields map to the parent's: view path to parent path, e.g. `spec.replicas` to `spec.replicas`. */
  paths: Readonly<Record<string, string>>
}

/** A subresource, or a whole resource, that is only ever POSTed (`token`, `binding`, `eviction`, reviews). */
export interface ActionSubresource {
  type: 'action'
  verbs: readonly ['create']
  kind: GroupVersionKind
  schema: string
  /** After the schema's own defaults, before admission. */
  defaults?(body: KubeObject): void
  /** The body's uid and timestamps are not wiped: they are for the action to check (`serviceaccounts/token`). */
  keepsSystemMetadata?: true
  /** What POST does; the body is decoded and defaulted. The answer is sent with 201. */
  create(action: Action, body: KubeObject): Promise<KubeObject> | KubeObject
}

export interface Action {
  world: World
  user: UserInfo
  namespace: string
  /** Name of the parent; `''` for whole resources. */
  name: string
  dryRun: boolean
  nowMs: number
  warn(text: string): void
  annotate(key: string, value: string): void
  /** The generic verbs on any resource, with this request's user, for actions that write (`binding`, `eviction`). */
  registry: RegistryAccess
  /** Where the request came from, for the token ledger. */
  remoteAddress: string
  userAgent: string
  /** Validating admission on the body: called by the action when it has validated the body itself, before it acts. */
  validateAdmission(): Promise<void>
}

/** In-process access to the generic verbs, without HTTP, authentication or authorization. Resources are named `v1/pods`, `policy/v1/poddisruptionbudgets`. */
export interface RegistryAccess {
  get(resource: string, key: { namespace: string; name: string }): KubeObject | undefined
  /** Read, change, write; repeated on conflict. `change` may throw. Answers what was stored. */
  update(
    resource: string,
    key: { namespace: string; name: string },
    change: (object: KubeObject) => void,
    options?: {
      subresource?: string
      user?: UserInfo
      fieldManager?: string
      dryRun?: boolean /** Straight to the store: no strategy, no admission, no validation, no managed fields (`pods/binding`). */
      direct?: boolean
    },
  ): Promise<KubeObject>
  create(resource: string, object: KubeObject, options?: { user?: UserInfo; fieldManager?: string; dryRun?: boolean }): Promise<KubeObject>
  delete(
    resource: string,
    key: { namespace: string; name: string },
    options?: {
      gracePeriodSeconds?: number
      preconditions?: { uid?: string; resourceVersion?: string }
      propagationPolicy?: string
      user?: UserInfo
      dryRun?: boolean
    },
  ): Promise<void>
}

/** A subresource that is served as a stream or proxied; listed in discovery, answered by `connect` where it exists. */
export interface ConnectSubresource {
  type: 'connect'
  /** As discovery lists them. */
  verbs: readonly string[]
  kind: GroupVersionKind
}

export type Subresource<T extends KubeObject = KubeObject> =
  | ObjectSubresource<T>
  | ViewSubresource<T>
  | ActionSubresource
  | ConnectSubresource

/** How field selectors see an object: label to value. `metadata.name` and `metadata.namespace` are there anyway. */
export type SelectableFields<T extends KubeObject> = Readonly<Record<string, (object: T) => string>>

export interface Column {
  name: string
  /** `string`, `integer`, `boolean`, `date`. */
  type: string
  /** `name`, or `''`. */
  format?: string
  /** Where to find the description upstream prints; a text, or `doc:io.k8s.api.core.v1.PodStatus.podIP`. */
  description?: string
  priority?: 0 | 1
}

export interface TableDefinition<T extends KubeObject> {
  columns(world: { emulatedMinor: number }): readonly Column[]
  cells(object: T, world: { nowMs: number; emulatedMinor: number }): (string | number | boolean | null)[]
  conditions?(object: T): { type: string; status: string; reason: string; message: string }[] | undefined
}

/** Objects that the server keeps elsewhere than in the store. They are read and removed here, never written. */
export interface Collection {
  get(key: { namespace: string; name: string }): KubeObject | undefined | Promise<KubeObject>
  /** In an order that stays, oldest first; of all namespaces when that is `''`. The selector has been checked and is applied by the caller. */
  list(namespace: string, fieldSelector: string): Iterable<KubeObject> | Promise<Iterable<KubeObject>>
  /**
   * As `list`, of what comes after the object of that name, which may be one that lists show no more: for pages of very many. Undefined when
   * its place is forgotten. Without it everything is passed again for each page.
   */
  listAfter?(after: { namespace: string; name: string }, namespace: string, fieldSelector: string): Iterable<KubeObject> | undefined
  /** Resolves when it is durable. Throws a StatusError when the object may not go. Absent where there is no delete. */
  remove?(object: KubeObject): Promise<void>
}

export interface ResourceDefinition<T extends KubeObject = KubeObject> {
  group: string
  version: string
  /** Plural: `serviceaccounts`. */
  resource: string
  singular: string
  kind: string
  namespaced: boolean
  shortNames?: readonly string[]
  categories?: readonly string[]
  verbs: readonly Verb[]
  /** Schema name: `io.k8s.api.core.v1.ServiceAccount`. */
  schema: string
  /** Where it is kept. Absent for resources that are only actions. Two definitions with one prefix are two versions of one object. */
  storage?: {
    prefix: string /** The version written, when not this one. */
    as?: { group: string; version: string; kind: string; schema: string }
  }
  /** Conversions when `storage.as` is another version: stored object to this version and back. Pure. */
  convert?: { fromStored(object: KubeObject): T; toStored(object: T): KubeObject }
  strategy: Strategy<T>
  /** Error text for an unknown field selector differs where upstream registered fields; see api-machinery.md 7.4. */
  fields?: SelectableFields<T>
  table?: TableDefinition<T>
  subresources?: Readonly<Record<string, Subresource<T>>>
  /** For resources that are only POSTed (reviews): instead of storage. */
  action?: ActionSubresource
  /** For objects kept elsewhere: instead of storage. Of the verbs there are get, list, delete and deletecollection at most. */
  collection?: Collection
  /** Warning on every request: `v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice`. */
  deprecated?: string
}

/** Keeps the type parameter while building a table of definitions. */
export function define<T extends KubeObject>(definition: ResourceDefinition<T>): ResourceDefinition {
  // Hooks of one definition only ever see objects of its own kind, decoded by its own schema.
  return definition as unknown as ResourceDefinition
}

export type { SelectorRequirement }
