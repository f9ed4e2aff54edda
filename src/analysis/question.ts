/**
 * A question as people type it, `get deployments.apps/web` or `get /healthz`, as the authorizer would be asked it.
 *
 * @see kubectl/pkg/cmd/auth/cani.go
 * @module
 */
import type { AccessQuestion } from './access-model.ts'
import type { ResourceNames } from './resource-names.ts'

export interface TypedQuestion {
  verb: string
  /** `TYPE`, `TYPE/NAME` or `/path`. */
  what: string
  subresource: string
  /** `''`: all namespaces. */
  namespace: string
}

/** Verbs of requests whose object has no name yet when they are authorized. */
const NAMELESS = new Set(['create', 'deletecollection'])
const RESOURCE_VERBS = new Set(
  '* get list watch create update patch delete deletecollection use bind impersonate approve sign escalate attest'.split(' '),
)
const PATH_VERBS = new Set('* get put post head options delete patch'.split(' '))

/** The question, and what may not be what was meant. */
export function askedQuestion(typed: TypedQuestion, names: ResourceNames): { question: AccessQuestion; warnings: string[] } {
  const { verb, what, subresource, namespace } = typed
  const warnings: string[] = []
  if (what.startsWith('/')) {
    if (!PATH_VERBS.has(verb)) warnings.push(`verb '${verb}' is not a known verb`)
    return {
      question: { verb, isResource: false, apiGroup: '', resource: '', subresource: '', name: '', path: what, namespace: '' },
      warnings,
    }
  }
  if (!RESOURCE_VERBS.has(verb) && !/^impersonate:|^impersonate-on:/.test(verb)) warnings.push(`verb '${verb}' is not a known verb`)
  const slash = what.indexOf('/')
  const type = slash < 0 ? what : what.slice(0, slash)
  let name = slash < 0 ? '' : what.slice(slash + 1)
  const { apiGroup, resource, isNamespaced, subresources } = resourceNamed(type, names, warnings)
  if (name !== '' && subresource === '' && subresources.includes(name))
    warnings.push(`'${name}' is read as the name of one of the ${resource}; --subresource=${name} asks for the subresource`)
  if (name !== '' && subresource === '' && NAMELESS.has(verb)) {
    warnings.push(`a ${verb} names no object when it is authorized; the question is asked without '${name}'`)
    name = ''
  }
  return {
    question: {
      verb,
      isResource: true,
      apiGroup,
      resource,
      subresource,
      name,
      path: '',
      // Requests for cluster-wide resources are in no namespace, whatever the current one is.
      namespace: isNamespaced ? namespace : '',
    },
    warnings,
  }
}

function resourceNamed(
  type: string,
  names: ResourceNames,
  warnings: string[],
): { apiGroup: string; resource: string; isNamespaced: boolean; subresources: readonly string[] } {
  const dot = type.indexOf('.')
  const [bare, group] = dot < 0 ? [type, ''] : [type.slice(0, dot), type.slice(dot + 1)]
  if (bare === '*') return { apiGroup: group, resource: '*', isNamespaced: true, subresources: [] }
  const known = names.find(type)
  if (known !== undefined)
    return { apiGroup: known.group, resource: known.resource, isNamespaced: known.namespaced, subresources: known.subresources }
  warnings.push(`the server doesn't have a resource type '${bare}'${group === '' ? '' : ` in group '${group}'`}`)
  return { apiGroup: group, resource: bare, isNamespaced: true, subresources: [] }
}
