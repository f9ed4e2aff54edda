/**
 * What expressions of webhooks and policies can name: the request and its objects, the namespace, parameters, and the authorizer.
 *
 * @see apiserver/pkg/admission/plugin/cel/{activation,condition}.go
 * @module
 */
import { parseFieldSelector } from '../api/fields.ts'
import { parseLabelSelector } from '../api/labels.ts'
import type { KubeObject } from '../api/object.ts'
import { StatusError } from '../api/status.ts'
import type { Attributes, Authorizer } from '../authorization/authorizer.ts'
import type { Cache } from '../cache/cache.ts'
import { type Check, celAuthorizer, type Question } from '../cel/authorizer.ts'
import type { Variables } from '../cel/scope.ts'
import type { AdmissionRequest } from './admission.ts'
import type { PolicyCheck } from './policy-checks.ts'
import { decisionFor } from './policy-decisions.ts'
import { resourceOf } from './webhook-matching.ts'
import type { ObjectInterfaces, ResourceName } from './webhook-objects.ts'

export interface ActivationDeps {
  cache: Cache
  objects: ObjectInterfaces
  authorizer: Authorizer
  /** Counts what policies say. */
  checked?(plugin: 'validating' | 'mutating', check: PolicyCheck): void
}

/** Names of the language above a request; everything is made when it is first asked for. */
export function activation(request: AdmissionRequest, name: ResourceName, { cache, objects, authorizer }: ActivationDeps): Variables {
  const own: ResourceName = { resource: resourceOf(request), kind: request.kind }
  const shown = (object: KubeObject | undefined) => (object === undefined ? null : objects.convert(object, own, name))
  const made = new Map<string, unknown>()
  const make: Readonly<Record<string, () => unknown>> = {
    object: () => shown(request.object),
    oldObject: () => shown(request.oldObject),
    request: () => requestValue(request, name),
    namespaceObject: () => namespaceOf(request, cache),
    authorizer: () => celAuthorizer(checker(request, authorizer), requestResource(request)),
  }
  return (wanted) => {
    if (made.has(wanted)) return made.get(wanted)
    if (!Object.hasOwn(make, wanted)) return undefined
    const value = make[wanted]?.()
    made.set(wanted, value)
    return value
  }
}

function requestValue(request: AdmissionRequest, { kind, resource }: ResourceName): object {
  const { user, options, operation, dryRun, name, namespace, subresource } = request
  const { group, version, kind: ownKind } = request.kind
  return {
    kind: { group: kind.group, version: kind.version, kind: kind.kind },
    resource: { ...resource },
    subResource: subresource,
    requestKind: { group, version, kind: ownKind },
    requestResource: resourceOf(request),
    requestSubResource: subresource,
    name,
    namespace,
    operation,
    userInfo: { username: user.username, uid: user.uid ?? '', groups: user.groups, extra: user.extra ?? {} },
    dryRun,
    options,
  }
}

/** Null for what is in no namespace, and for namespaces themselves. */
function namespaceOf({ namespace, kind }: AdmissionRequest, cache: Cache): unknown {
  if (namespace === '' || (kind.kind === 'Namespace' && kind.group === '')) return null
  const found = cache.resource('v1/namespaces')?.get(namespace)?.object
  if (found === undefined) return null
  const { ownerReferences: _, managedFields: __, ...metadata } = found.metadata ?? {}
  return { metadata, spec: found['spec'] ?? {}, status: found['status'] ?? {} }
}

function requestResource({ group, resource, subresource, namespace, name }: AdmissionRequest): Partial<Question> {
  return { group, resource, subresource, namespace, name }
}

function checker(request: AdmissionRequest, authorizer: Authorizer): Check {
  const { user } = request
  return (question) => decisionFor(request, authorizer, JSON.stringify(question), () => attributesOf(question))

  function attributesOf({ username, path, fieldSelector, labelSelector, ...question }: Question): Attributes {
    const [, namespace = ''] = /^system:serviceaccount:([^:]*):/.exec(username ?? '') ?? []
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated']
    return {
      user: username === undefined ? user : { username, groups },
      verb: question.verb,
      isResource: path === undefined,
      apiGroup: question.group,
      apiVersion: '*',
      resource: question.resource,
      subresource: question.subresource,
      namespace: question.namespace,
      name: question.name,
      path: path ?? '',
      ...selectors(fieldSelector, labelSelector),
    }
  }
}

function selectors(
  field: string | undefined,
  label: string | undefined,
): Pick<Attributes, 'fieldSelector' | 'labelSelector' | 'selectorErrors'> {
  const errors: string[] = []
  const parsed = <T>(read: () => T): T | undefined => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      errors.push(error.message)
      return undefined
    }
  }
  const fields = field === undefined ? undefined : parsed(() => parseFieldSelector(field).requirements)
  const labels = label === undefined ? undefined : parsed(() => parseLabelSelector(label).requirements)
  return {
    ...(fields !== undefined && {
      fieldSelector: fields.map(({ field: key, operator, value }) => ({
        key,
        operator: operator === '!=' ? 'NotIn' : 'In',
        values: [value],
      })),
    }),
    ...(labels !== undefined && { labelSelector: labels }),
    ...(errors.length > 0 && { selectorErrors: errors }),
  }
}
