/**
 * What a binding lets a policy see as `params`.
 *
 * @see apiserver/pkg/admission/plugin/policy/generic/policy_dispatcher.go, CollectParams
 * @module
 */
import { selectorFromObject } from '../api/labels.ts'
import type { KubeObject } from '../api/object.ts'
import { notFound } from '../api/status.ts'
import type { ParamKind, ParamRef } from '../api/types/admissionregistration/v1.ts'
import type { AdmissionRequest } from './admission.ts'
import type { ActivationDeps } from './policy-activation.ts'
import type { ObjectInterfaces, ParameterSource } from './webhook-objects.ts'

/** One null without parameters. Throws what is wrong with the configuration. */
export function paramsOf(
  kind: ParamKind | undefined,
  ref: ParamRef | undefined,
  request: AdmissionRequest,
  { objects }: ActivationDeps,
): readonly (KubeObject | null)[] {
  if (kind === undefined || ref === undefined) return [null]
  const source = parameterSource(kind, objects)
  if (!source.namespaced && (ref.namespace ?? '') !== '')
    throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`')
  const namespace = source.namespaced ? ref.namespace || request.namespace : ''
  if (source.namespaced && namespace === '')
    throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources')
  const found: KubeObject[] = []
  if (ref.name !== undefined && ref.name !== '') {
    const one = source.get(namespace, ref.name)
    if (one !== undefined) found.push(one)
  } else if (ref.selector !== undefined) {
    const selector = selectorFromObject(ref.selector)
    for (const one of source.list(namespace)) if (selector.matches(one.metadata?.labels)) found.push(one)
  } else throw new Error('one of name or selector must be provided')
  if (found.length === 0 && ref.parameterNotFoundAction === 'Deny') {
    throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction')
  }
  return found
}

/** A policy whose parameters are of a kind that nobody serves is wrong whatever its bindings are. */
export function checkParamKind(kind: ParamKind | undefined, { objects }: ActivationDeps): void {
  if (kind !== undefined) parameterSource(kind, objects)
}

function parameterSource({ apiVersion = '', kind = '' }: ParamKind, objects: ObjectInterfaces): ParameterSource {
  const source = objects.parameters(apiVersion, kind)
  if (source === undefined) throw new Error(`failed to find resource referenced by paramKind: '${kindText(apiVersion, kind)}'`)
  return source
}

function kindText(apiVersion: string, kind: string): string {
  const slash = apiVersion.indexOf('/')
  return slash === -1 ? `/${apiVersion}, Kind=${kind}` : `${apiVersion}, Kind=${kind}`
}

/** Expressions may name the namespace of the request: it has to be there. */
export function checkNamespace(request: AdmissionRequest, { cache }: ActivationDeps): void {
  if (request.namespace === '' || (request.kind.kind === 'Namespace' && request.kind.group === '')) return
  if (cache.resource('v1/namespaces')?.get(request.namespace) === undefined)
    throw notFound({ group: '', resource: 'namespaces' }, request.namespace)
}
