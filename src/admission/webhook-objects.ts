/**
 * What admission has to know of the kinds served, to show one object in another version or to read it back changed.
 *
 * @see apiserver/pkg/admission/interfaces.go, ObjectInterfaces
 * @module
 */
import type { GroupVersionKind, KubeObject } from '../api/object.ts'
import type { StructType } from '../api/schema.ts'

export interface GroupVersionResource {
  group: string
  version: string
  resource: string
}

/** One name of a resource, and the kind its objects (or those of its subresource) have there. */
export interface ResourceName {
  resource: GroupVersionResource
  kind: GroupVersionKind
}

export interface ObjectInterfaces {
  /** All other names under which the same objects are served. */
  equivalents(of: GroupVersionResource, subresource: string): readonly ResourceName[]
  /** The object in another version of its resource; possibly the same one. */
  convert(object: KubeObject, from: ResourceName, to: ResourceName): KubeObject
  schema(kind: GroupVersionKind): StructType | undefined
  /** Fills in what a client may leave out, in place. */
  setDefaults(kind: GroupVersionKind, object: KubeObject): void
  /** Objects of a kind, for policies that have parameters; undefined for a kind that is not served. */
  parameters(apiVersion: string, kind: string): ParameterSource | undefined
}

export interface ParameterSource {
  namespaced: boolean
  /** `''` for cluster-scoped objects. */
  get(namespace: string, name: string): KubeObject | undefined
  list(namespace: string): Iterable<KubeObject>
}

export function sameKind(a: GroupVersionKind, b: GroupVersionKind): boolean {
  return a.kind === b.kind && a.version === b.version && a.group === b.group
}
