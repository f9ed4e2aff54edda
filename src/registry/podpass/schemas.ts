/**
 * The schemas of the group podpass.dev beside those of Kubernetes.
 *
 * @module
 */
import type { Field, Scalar, SchemaSource, StructType, ValueType } from '../../api/schema.ts'

export const PODPASS_GROUP = 'podpass.dev'
export const PODPASS_VERSION = 'v1'
const PACKAGE = 'dev.podpass.v1.'
const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

const AUTHORIZATION = 'io.k8s.api.authorization.v1.'
const RBAC = 'io.k8s.api.rbac.v1.'

/** `text!` is required, `[text]` a list of texts, a capital letter begins the name of another struct. */
const STRUCTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  IssuedTokenSpec: {
    serviceAccountName: 'string',
    serviceAccountUID: 'string',
    audiences: '[string]',
    boundObjectRef: 'BoundObject',
    expirationTimestamp: 'time',
  },
  IssuedTokenStatus: {
    phase: 'string',
    requestedBy: 'string',
    remoteAddress: 'string',
    userAgent: 'string',
    firstUsedTime: 'time',
    lastUsedTime: 'time',
    revocationTimestamp: 'time',
  },
  BoundObject: { kind: 'string', apiVersion: 'string', name: 'string', uid: 'string' },
  TokenRevocationSpec: { jti: 'string', serviceAccount: 'Reference', pod: 'Reference', node: 'Reference' },
  TokenRevocationStatus: { revokedTokens: 'int32', revocationTimestamp: 'time' },
  Reference: { namespace: 'string', name: 'string!' },
  SigningKeySpec: { algorithm: 'string' },
  SigningKeyStatus: { phase: 'string', publishedTime: 'time', activeTime: 'time', retirementTime: 'time', onThisServer: 'string' },
  SigningKeyRotationSpec: { algorithm: 'string', kid: 'string', prepareOnly: 'boolean' },
  AccessExplanationSpec: {
    user: 'string',
    uid: 'string',
    groups: '[string]',
    resourceAttributes: `${AUTHORIZATION}ResourceAttributes`,
    nonResourceAttributes: `${AUTHORIZATION}NonResourceAttributes`,
  },
  AccessExplanationStatus: {
    allowed: 'boolean!',
    denied: 'boolean',
    reason: 'string',
    evaluationError: 'string',
    superuser: 'boolean',
    chains: '[GrantingChain]',
    errors: '[string]',
    nearMisses: '[NearMiss]',
    suggestion: 'AccessSuggestion',
  },
  GrantingChain: {
    binding: 'RbacReference!',
    subjects: `[${RBAC}Subject]`,
    role: 'RbacReference!',
    aggregatedFrom: '[string]',
    rule: `${RBAC}PolicyRule`,
  },
  NearMiss: {
    kind: 'string!',
    lacks: 'string',
    binding: 'RbacReference',
    role: 'RbacReference',
    rule: `${RBAC}PolicyRule`,
    subject: `${RBAC}Subject`,
    difference: 'string',
  },
  RbacReference: { kind: 'string!', namespace: 'string', name: 'string!' },
  AccessSuggestion: { rule: `${RBAC}PolicyRule`, objects: '[raw]' },
  ClockAdvanceSpec: { seconds: 'int64' },
  ClockAdvanceStatus: { time: 'time' },
  SigningKeyRotationStatus: { kid: 'string', activeTime: 'time' },
}

const KINDS = ['AccessExplanation', 'IssuedToken', 'TokenRevocation', 'SigningKey', 'SigningKeyRotation', 'ClockAdvance'] as const

export type PodpassKind = (typeof KINDS)[number]

export function schemaName(kind: PodpassKind): string {
  return PACKAGE + kind
}

/** Looks into `others` for everything else. */
export function withPodpassSchemas(others: SchemaSource): SchemaSource {
  const made = new Map<string, StructType>()
  for (const [name, members] of Object.entries(STRUCTS)) made.set(PACKAGE + name, struct(name, members))
  for (const kind of KINDS) {
    const members = { kind: 'string', apiVersion: 'string', metadata: OBJECT_META, spec: `${kind}Spec`, status: `${kind}Status` }
    made.set(PACKAGE + kind, { ...struct(kind, members), gvk: { group: PODPASS_GROUP, version: PODPASS_VERSION, kind } })
  }
  return { ...others, struct: (name) => made.get(name) ?? others.struct(name) }
}

function struct(name: string, members: Readonly<Record<string, string>>): StructType {
  const fields = new Map<string, Field>()
  for (const [member, written] of Object.entries(members)) {
    const required = written.endsWith('!')
    fields.set(member, { name: member, type: valueType(written.replace(/!$/, '')), always: required || member === 'metadata', required })
  }
  return { name: PACKAGE + name, fields }
}

function valueType(written: string): ValueType {
  if (written.startsWith('[')) return { kind: 'list', items: valueType(written.slice(1, -1)) }
  if (written.includes('.')) return { kind: 'struct', name: written }
  if (/^[A-Z]/.test(written)) return { kind: 'struct', name: PACKAGE + written }
  return { kind: 'scalar', scalar: written as Scalar }
}
