/**
 * What expressions of admission may name: the request, its objects, the namespace, parameters, the authorizer, variables.
 *
 * @see apiserver/pkg/admission/plugin/cel/{compile,composition}.go
 * @module
 */
import type { Environment } from './checker.ts'
import { BOOL, DYN, INT, listOf, mapOf, STRING, struct, TIMESTAMP, type Type, UNSPECIFIED } from './types.ts'

type Fields = Readonly<Record<string, Type>>

const TEXTS = listOf(STRING)
const TEXT_BY_TEXT = mapOf(STRING, STRING)
const GVK = struct('kubernetes.GroupVersionKind')
const GVR = struct('kubernetes.GroupVersionResource')

const STRUCTURES: Readonly<Record<string, Fields>> = {
  'kubernetes.AdmissionRequest': {
    kind: GVK,
    resource: GVR,
    subResource: STRING,
    requestKind: GVK,
    requestResource: GVR,
    requestSubResource: STRING,
    name: STRING,
    namespace: STRING,
    operation: STRING,
    userInfo: struct('kubernetes.UserInfo'),
    dryRun: BOOL,
    options: DYN,
  },
  'kubernetes.GroupVersionKind': { group: STRING, version: STRING, kind: STRING },
  'kubernetes.GroupVersionResource': { group: STRING, version: STRING, resource: STRING },
  'kubernetes.UserInfo': { username: STRING, uid: STRING, groups: TEXTS, extra: mapOf(STRING, TEXTS) },
  'kubernetes.Namespace': {
    metadata: struct('kubernetes.NamespaceMetadata'),
    spec: struct('kubernetes.NamespaceSpec'),
    status: struct('kubernetes.NamespaceStatus'),
  },
  'kubernetes.NamespaceMetadata': {
    name: STRING,
    generateName: STRING,
    namespace: STRING,
    labels: TEXT_BY_TEXT,
    annotations: TEXT_BY_TEXT,
    UID: STRING,
    creationTimestamp: TIMESTAMP,
    deletionGracePeriodSeconds: INT,
    deletionTimestamp: TIMESTAMP,
    generation: INT,
    resourceVersion: STRING,
    finalizers: TEXTS,
  },
  'kubernetes.NamespaceSpec': { finalizers: TEXTS },
  'kubernetes.NamespaceStatus': { conditions: listOf(struct('kubernetes.NamespaceCondition')), phase: STRING },
  'kubernetes.NamespaceCondition': { status: STRING, type: STRING, lastTransitionTime: TIMESTAMP, message: STRING, reason: STRING },
}

/** @see apiserver/pkg/cel/mutation/jsonpatch.go */
const JSON_PATCH: Fields = { op: STRING, path: STRING, from: STRING, value: DYN }
const VARIABLES = 'kubernetes.variables'

export interface AdmissionNames {
  params: boolean
  authorizer: boolean
  /** `Object{…}` and `JSONPatch{…}`. */
  patches?: boolean
  /** Types of `variables.x`; undefined: there is no `variables`. Read at each use, so it may grow. */
  variables?: ReadonlyMap<string, Type>
}

/** @param object the type of `object` and `oldObject`, and of what is inside, where that is known */
export function admissionEnvironment({ params, authorizer, patches = false, variables }: AdmissionNames): Environment {
  const names = new Map<string, Type>([
    ['object', DYN],
    ['oldObject', DYN],
    ['namespaceObject', struct('kubernetes.Namespace')],
    ['request', struct('kubernetes.AdmissionRequest')],
  ])
  if (params) names.set('params', DYN)
  if (variables !== undefined) names.set('variables', struct(VARIABLES))
  if (authorizer) {
    names.set('authorizer', struct('kubernetes.authorization.Authorizer'))
    names.set('authorizer.requestResource', struct('kubernetes.authorization.ResourceCheck'))
  }
  return {
    variables: names,
    patches,
    hasStructure: (name) => Object.hasOwn(STRUCTURES, name) || (patches && (name === 'JSONPatch' || isObject(name))),
    fieldOf(structure, field) {
      if (structure === VARIABLES && variables !== undefined) return variables.get(field) ?? 'no field'
      if (patches && isObject(structure)) return DYN
      if (patches && structure === 'JSONPatch') return (Object.hasOwn(JSON_PATCH, field) ? JSON_PATCH[field] : undefined) ?? UNSPECIFIED
      const fields = Object.hasOwn(STRUCTURES, structure) ? STRUCTURES[structure] : undefined
      if (fields === undefined) return 'no structure'
      return (Object.hasOwn(fields, field) ? fields[field] : undefined) ?? 'no field'
    },
  }
}

/** Types of parts of the object are named by their paths: `Object.spec.template`. */
function isObject(name: string): boolean {
  return name === 'Object' || name.startsWith('Object.')
}
