/**
 * The smallest rule that allows one request, and the objects that give it to somebody.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import type { PolicyRule } from '../api/types/rbac/v1.ts'
import type { RuleRequest } from '../rbac/evaluate.ts'
import type { RbacUser } from '../rbac/index.ts'
import type { AccessModel, AccessQuestion } from './access-model.ts'
import { subjectOf } from './user.ts'

const RBAC_GROUP = 'rbac.authorization.k8s.io'

export interface Suggestion {
  rule: PolicyRule
  /** A role and its binding, ready to apply: in the namespace where there is one. They replace nothing that exists. */
  objects: KubeObject[]
}

/** The rule that allows this request and as little else as a rule can. */
export function smallestRule(request: RuleRequest): PolicyRule {
  if (!request.isResource) return { nonResourceURLs: [request.path], verbs: [request.verb] }
  const { apiGroup, resource, subresource, name, verb } = request
  const rule: PolicyRule = {
    apiGroups: [apiGroup],
    resources: [subresource === '' ? resource : `${resource}/${subresource}`],
    verbs: [verb],
  }
  return name === '' ? rule : { ...rule, resourceNames: [name] }
}

/** Undefined where there is nobody to bind it to. */
export function suggest(model: AccessModel, user: RbacUser, question: AccessQuestion): Suggestion | undefined {
  const subject = subjectOf(user)
  if (subject === undefined) return undefined
  const rule = smallestRule(question)
  const { namespace } = question
  const isCluster = namespace === ''
  const what = question.isResource ? [question.resource, question.subresource, question.name] : [question.path]
  const does = nameOf(['allow', question.verb, ...what])
  const roleName = unused(does, (name) => model.role(namespace, name) !== undefined)
  const bindingName = unused(nameOf([subject.name ?? '', does]), (name) => model.binding(namespace, name) !== undefined)
  const metadata = (name: string) => (isCluster ? { name } : { name, namespace })
  const apiVersion = `${RBAC_GROUP}/v1`
  const kind = isCluster ? 'ClusterRole' : 'Role'
  return {
    rule,
    objects: [
      { apiVersion, kind, metadata: metadata(roleName), rules: [rule] },
      {
        apiVersion,
        kind: `${kind}Binding`,
        metadata: metadata(bindingName),
        roleRef: { apiGroup: RBAC_GROUP, kind, name: roleName },
        subjects: [subject],
      },
    ],
  }
}

/** A name that `kubectl` users can type. */
function nameOf(parts: readonly string[]): string {
  const words = parts.map((part) =>
    part
      .toLowerCase()
      .replaceAll('*', 'all')
      .replace(/[^a-z0-9.]+/g, '-')
      .replace(/^[-.]+|[-.]+$/g, ''),
  )
  return words
    .filter((word) => word !== '')
    .join('-')
    .slice(0, 120)
    .replace(/[-.]+$/, '')
}

function unused(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name
  for (let count = 2; ; count++) if (!isTaken(`${name}-${count}`)) return `${name}-${count}`
}
