/**
 * The contract of an admission plugin: looks at a decoded object on its way to the store, may change it, may refuse it.
 *
 * @see apiserver/pkg/admission/interfaces.go
 * @module
 */
import type { GroupVersionKind, KubeObject } from '../api/object.ts'
import type { UserInfo } from '../authentication/user.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

export interface AdmissionRequest {
  operation: Operation
  group: string
  version: string
  resource: string
  /** `''` for the resource itself. */
  subresource: string
  kind: GroupVersionKind
  namespace: string
  /** May be `''` on create (generateName). */
  name: string
  /** The incoming object; undefined on DELETE. Mutating plugins change it in place. */
  object: KubeObject | undefined
  /** The stored one; undefined on CREATE and CONNECT. Not to be changed. */
  oldObject: KubeObject | undefined
  /** CreateOptions, UpdateOptions, DeleteOptions of the request. */
  options: KubeObject
  user: UserInfo
  dryRun: boolean
  /** Adds a Warning header. */
  warn(text: string): void
  /** @param from the audit level from which on it is recorded; Metadata when not given. */
  annotate(key: string, value: string, from?: 'Request'): void
  /** Aborts when the caller goes away or the request's deadline passes. */
  signal?(): AbortSignal
  /** Until the request's time is up. */
  remainingMs?(): number
  /** Set by a plugin that wants the mutating ones to run once more. */
  reinvocation?: Reinvocation
}

/** @see apiserver/pkg/admission/interfaces.go, ReinvocationContext */
export interface Reinvocation {
  wanted: boolean
  /** This is the second round, and the last. */
  second: boolean
}

/** Refusals are thrown StatusErrors (`forbidden`, `invalid`, …). */
export interface AdmissionPlugin {
  /** Upstream's name: `ServiceAccount`, `NamespaceLifecycle`. */
  readonly name: string
  handles(request: AdmissionRequest): boolean
  /** Changes `request.object`. */
  admit?(request: AdmissionRequest): void | Promise<void>
  /** Runs after validation of the object; changes nothing. */
  validate?(request: AdmissionRequest): void | Promise<void>
}
