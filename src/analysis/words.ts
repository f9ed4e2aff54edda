/**
 * Rules, roles, bindings and questions in words, the same in tables, explanations and the console.
 *
 * @module
 */
import type { PolicyRule } from '../api/types/rbac/v1.ts'
import type { AccessQuestion } from './access-model.ts'

/** `RoleBinding production/deploy-bot`, `ClusterRole view`, `ServiceAccount production/deploy-bot`. */
export function idText({
  kind,
  namespace,
  name,
}: {
  kind?: string | undefined
  namespace?: string | undefined
  name?: string | undefined
}): string {
  return `${kind ?? ''} ${namespace === undefined || namespace === '' ? '' : `${namespace}/`}${name ?? ''}`
}

/** `update deployments.apps/scale web in namespace production`. */
export function questionText(question: AccessQuestion): string {
  if (!question.isResource) return `${question.verb} ${question.path}`
  const { verb, name, namespace } = question
  return `${verb} ${resourceText(question.apiGroup, question.subresource === '' ? question.resource : `${question.resource}/${question.subresource}`)}${name === '' ? '' : ` ${name}`}${namespace === '' ? '' : ` in namespace ${namespace}`}`
}

/** `deployments.apps/scale`: the group stands with the resource, before the subresource. */
export function resourceText(group: string, combined: string): string {
  if (group === '') return combined
  const slash = combined.indexOf('/')
  return slash < 0 ? `${combined}.${group}` : `${combined.slice(0, slash)}.${group}${combined.slice(slash)}`
}

/** `get,list deployments.apps, deployments.apps/scale named a, b`. */
export function ruleText(rule: PolicyRule): string {
  const { resources, urls, names } = ruleCells(rule)
  const things = [resources, urls].filter((text) => text !== '').join('; ')
  return `${(rule.verbs ?? []).join(',')} ${things}${names === '' ? '' : ` named ${names}`}`
}

/** What a rule is about, one text each. */
export function ruleCells({ apiGroups = [], resources = [], nonResourceURLs = [], resourceNames = [] }: PolicyRule): {
  resources: string
  urls: string
  names: string
} {
  return {
    resources: apiGroups.flatMap((group) => resources.map((resource) => resourceText(group, resource))).join(', '),
    urls: nonResourceURLs.join(', '),
    names: resourceNames.join(', '),
  }
}
