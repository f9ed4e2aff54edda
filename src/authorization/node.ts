/**
 * The Node authorizer: a kubelet reaches what the pods of its node need, and nothing else.
 *
 * @see plugin/pkg/auth/authorizer/node/node_authorizer.go
 * @module
 */
import { quote } from '../api/status.ts'
import type { UserInfo } from '../authentication/user.ts'
import { bootstrapObjects } from '../rbac/bootstrap.ts'
import { type CompiledRule, combinedResource, compiledRuleAllows, compileRule } from '../rbac/evaluate.ts'
import type { Attributes, Authorization, Authorizer } from './authorizer.ts'
import type { NodeGraph, ReachableKind } from './node-graph.ts'

const NODES_GROUP = 'system:nodes'
const NODE_PREFIX = 'system:node:'
const LEASE_NAMESPACE = 'kube-node-lease'

const ALLOW: Authorization = { decision: 'allow', reason: '' }
const NO_OPINION: Authorization = { decision: 'noOpinion', reason: '' }

/** Name of the node that a user is, possibly `''`; undefined when it is none. */
export function nodeIdentity({ username, groups }: UserInfo): string | undefined {
  return username.startsWith(NODE_PREFIX) && groups.includes(NODES_GROUP) ? username.slice(NODE_PREFIX.length) : undefined
}

export function nodeAuthorizer(graph: NodeGraph): Authorizer {
  const rules = nodeRules()
  return {
    name: 'Node',
    authorize(attributes) {
      const node = nodeIdentity(attributes.user)
      if (node === undefined) return NO_OPINION
      if (node === '') return refuse(`unknown node for user ${quote(attributes.user.username)}`)
      return decide({ graph, node, attributes }, rules)
    },
    rulesFor(user) {
      const none = { resourceRules: [], nonResourceRules: [], incomplete: false }
      if (nodeIdentity(user) === undefined) return none
      return { ...none, incomplete: true, evaluationError: 'node authorizer does not support user rule resolution' }
    },
  }
}

/** What every node may do to resources that are not told apart by node. */
function nodeRules(): readonly CompiledRule[] {
  const role = bootstrapObjects().find(({ kind, metadata }) => kind === 'ClusterRole' && metadata?.name === 'system:node')
  return (role?.['rules'] ?? []).map(compileRule)
}

interface Question {
  graph: NodeGraph
  node: string
  attributes: Attributes
}

function refuse(reason: string): Authorization {
  return { decision: 'noOpinion', reason }
}

function decide(question: Question, rules: readonly CompiledRule[]): Authorization {
  const { attributes } = question
  if (attributes.isResource) {
    switch (attributes.apiGroup === '' ? attributes.resource : `${attributes.resource}.${attributes.apiGroup}`) {
      case 'secrets':
        return readNamespaced(question, 'secrets')
      case 'configmaps':
        return readNamespaced(question, 'configmaps')
      case 'persistentvolumeclaims':
        return attributes.subresource === 'status'
          ? updateStatus(question, 'persistentvolumeclaims')
          : getOne(question, 'persistentvolumeclaims')
      case 'persistentvolumes':
        return getOne(question, 'persistentvolumes')
      case 'resourceclaims.resource.k8s.io':
        return getOne(question, 'resourceclaims')
      case 'volumeattachments.storage.k8s.io':
        return getOne(question, 'volumeattachments')
      case 'serviceaccounts':
        return serviceAccount(question)
      case 'leases.coordination.k8s.io':
        return lease(question)
      case 'csinodes.storage.k8s.io':
        return csiNode(question)
      case 'resourceslices.resource.k8s.io':
        return resourceSlice(question)
      case 'nodes':
        return nodeObject(question)
      case 'pods':
        return pod(question)
      case 'podcertificaterequests.certificates.k8s.io':
        return NO_OPINION
    }
  }
  const combined = combinedResource(attributes)
  return rules.some((rule) => compiledRuleAllows(rule, attributes, combined)) ? ALLOW : NO_OPINION
}

function related({ graph, node, attributes }: Question, kind: ReachableKind): Authorization {
  if (attributes.name === '') return refuse('No Object name found')
  return graph.reaches(node, kind, attributes.namespace, attributes.name) ? ALLOW : unrelated(node)
}

function unrelated(node: string): Authorization {
  return refuse(`no relationship found between node '${node}' and this object`)
}

function readNamespaced(question: Question, kind: ReachableKind): Authorization {
  const { verb, subresource, namespace } = question.attributes
  if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return refuse('can only read resources of this type')
  if (subresource !== '') return refuse('cannot read subresource')
  if (namespace === '') return refuse('can only read namespaced object of this type')
  return related(question, kind)
}

function getOne(question: Question, kind: ReachableKind): Authorization {
  const { verb, subresource } = question.attributes
  if (verb !== 'get') return refuse('can only get individual resources of this type')
  if (subresource !== '') return refuse('cannot get subresource')
  return related(question, kind)
}

function updateStatus(question: Question, kind: ReachableKind): Authorization {
  const { verb } = question.attributes
  if (verb !== 'update' && verb !== 'patch') return refuse('can only get/update/patch this type')
  return related(question, kind)
}

function serviceAccount(question: Question): Authorization {
  const { verb, subresource, namespace, name } = question.attributes
  if (verb === 'get' && subresource === '') return readNamespaced(question, 'serviceaccounts')
  if (verb !== 'create' || name === '') return refuse('can only create tokens for individual service accounts')
  if (subresource !== 'token') return refuse('can only create token subresource of serviceaccount')
  return question.graph.reaches(question.node, 'serviceaccounts', namespace, name) ? ALLOW : unrelated(question.node)
}

function isOwnVerb(verb: string): boolean {
  return verb === 'get' || verb === 'create' || verb === 'update' || verb === 'patch' || verb === 'delete'
}

/** A create does not name its object yet; admission looks at it then. */
function lease({ node, attributes }: Question): Authorization {
  const { verb, namespace, name } = attributes
  if (!isOwnVerb(verb)) return refuse('can only get, create, update, patch, or delete a node lease')
  if (namespace !== LEASE_NAMESPACE) return refuse(`can only access leases in the ${quote(LEASE_NAMESPACE)} system namespace`)
  return verb !== 'create' && name !== node ? refuse('can only access node lease with the same name as the requesting node') : ALLOW
}

function csiNode({ node, attributes }: Question): Authorization {
  const { verb, subresource, name } = attributes
  if (!isOwnVerb(verb)) return refuse('can only get, create, update, patch, or delete a CSINode')
  if (subresource !== '') return refuse('cannot authorize CSINode subresources')
  return verb !== 'create' && name !== node ? refuse('can only access CSINode with the same name as the requesting node') : ALLOW
}

function selectsOwnNode({ node, attributes }: Question): boolean {
  return (attributes.fieldSelector ?? []).some(
    ({ key, operator, values }) => key === 'spec.nodeName' && isEquals(operator) && values.length === 1 && values[0] === node,
  )
}

function isEquals(operator: string): boolean {
  return operator === '=' || operator === '==' || operator === 'In' || operator === 'in'
}

function resourceSlice(question: Question): Authorization {
  const { verb, subresource } = question.attributes
  if (subresource !== '') return refuse('cannot authorize ResourceSlice subresources')
  switch (verb) {
    case 'create':
      return ALLOW
    case 'get':
    case 'update':
    case 'patch':
    case 'delete':
      return related(question, 'resourceslices')
    case 'watch':
    case 'list':
    case 'deletecollection':
      return selectsOwnNode(question) ? ALLOW : refuse('can only list/watch/deletecollection resourceslices with nodeName field selector')
    default:
      return refuse(
        'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
      )
  }
}

/** By name and not by the graph: a kubelet looks for its Node before it exists. */
function nodeObject({ node, attributes }: Question): Authorization {
  const { verb, subresource, name } = attributes
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? ALLOW : NO_OPINION
  if (subresource !== '') return NO_OPINION
  if (verb === 'create' || verb === 'update' || verb === 'patch') return ALLOW
  if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return NO_OPINION
  if (name === node) return ALLOW
  if (name === '') return refuse(`node '${node}' cannot read all nodes, only its own Node object`)
  return refuse(`node '${node}' cannot read '${name}', only its own Node object`)
}

function pod(question: Question): Authorization {
  const { verb, subresource, name } = question.attributes
  switch (subresource) {
    case '':
      if (verb === 'get') return getOne(question, 'pods')
      if (verb === 'create' || verb === 'delete') return ALLOW
      if (verb !== 'list' && verb !== 'watch') return NO_OPINION
      if (selectsOwnNode(question)) return ALLOW
      return name === '' ? refuse('can only list/watch pods with spec.nodeName field selector') : related(question, 'pods')
    case 'status':
      return verb === 'update' || verb === 'patch' ? ALLOW : NO_OPINION
    case 'eviction':
      return verb === 'create' ? ALLOW : NO_OPINION
    default:
      return NO_OPINION
  }
}
