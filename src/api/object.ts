/**
 * What every stored object has, whatever its kind.
 *
 * @module
 */
import type { ObjectMeta } from './types/meta/v1.ts'

/** An object of any kind. Kinds with behaviour use their own interface from `types/`. */
export interface KubeObject {
  kind?: string | undefined
  apiVersion?: string | undefined
  metadata?: ObjectMeta | undefined
  [member: string]: any
}

export interface GroupVersionKind {
  group: string
  version: string
  kind: string
}

export interface GroupResource {
  /** `''` for core. */
  group: string
  /** Plural, lower case: `serviceaccounts`. */
  resource: string
}

export interface NamespacedName {
  /** `''` for cluster-scoped objects. */
  namespace: string
  name: string
}

/** The metadata of a decoded object; decoding always makes one. */
export function metaOf(object: KubeObject): ObjectMeta {
  object.metadata ??= {}
  return object.metadata
}

/** `apps/v1`; core is `v1`. */
export function groupVersion(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`
}

/** `deployments.apps`; core is plain `pods`: how error texts name a resource. */
export function groupResourceName({ group, resource }: GroupResource): string {
  return group === '' ? resource : `${resource}.${group}`
}
