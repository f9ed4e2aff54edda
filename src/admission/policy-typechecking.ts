/**
 * What is doubtful in the expressions of a ValidatingAdmissionPolicy, given the types of the objects that it is for. It is told in the status.
 *
 * @see apiserver/pkg/admission/plugin/policy/validating/typechecking.go
 * @module
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { byteOrder } from '../api/byte-order.ts'
import type { GroupVersionKind } from '../api/object.ts'
import type { SchemaSource, StructType } from '../api/schema.ts'
import type {
  ExpressionWarning,
  NamedRuleWithOperations,
  ParamKind,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
} from '../api/types/admissionregistration/v1.ts'
import { checkExpression, type Environment } from '../cel/checker.ts'
import { admissionEnvironment } from '../cel/environments.ts'
import { withSchemas } from '../cel/schema-types.ts'
import { declaredType, type Type } from '../cel/types.ts'

const MAX_TYPES = 10
const COMPILATION = 'compilation failed: '

export interface KnownTypes {
  schemas: SchemaSource
  /** The kind of a resource; undefined when it is not served. */
  kindOf(group: string, version: string, resource: string): GroupVersionKind | undefined
  schemaOf(kind: GroupVersionKind): StructType | undefined
}

/** Others are served between two expressions. */
export async function expressionWarnings({ spec = {} }: ValidatingAdmissionPolicy, known: KnownTypes): Promise<ExpressionWarning[]> {
  const kinds = kindsOf(spec.matchConstraints?.resourceRules ?? [], known)
  const params = paramsSchema(spec.paramKind, known)
  const environments = kinds.flatMap((kind): { title: string; environment: Environment }[] => {
    const schema = known.schemaOf(kind)
    if (schema === undefined) return []
    const title = `${kind.group}/${kind.version}, Kind=${kind.kind}`
    return [{ title, environment: environmentFor(schema, spec, params, known.schemas) }]
  })
  const warnings: ExpressionWarning[] = []
  const warn = async (fieldRef: string, expression: string): Promise<void> => {
    const texts: string[] = []
    for (const { title, environment } of environments) {
      const problem = problemOf(expression, environment)
      if (problem !== undefined) texts.push(`${title}: ${problem}\n`)
      await nextTurn()
    }
    if (texts.length > 0) warnings.push({ fieldRef, warning: texts.join('\n') })
  }
  for (const [i, { expression = '', messageExpression = '' }] of (spec.validations ?? []).entries()) {
    await warn(`spec.validations[${i}].expression`, expression)
    if (messageExpression !== '') await warn(`spec.validations[${i}].messageExpression`, messageExpression)
  }
  return warnings
}

/** Undefined: the policy has no parameters, or they are of a kind that is not known. */
function paramsSchema(kind: ParamKind | undefined, known: KnownTypes): StructType | undefined {
  if (kind === undefined) return undefined
  const { apiVersion = '' } = kind
  const slash = apiVersion.indexOf('/')
  const group = slash === -1 ? '' : apiVersion.slice(0, slash)
  return known.schemaOf({ group, version: apiVersion.slice(slash + 1), kind: kind.kind ?? '' })
}

function environmentFor(
  schema: StructType,
  { paramKind, variables = [] }: ValidatingAdmissionPolicySpec,
  params: StructType | undefined,
  schemas: SchemaSource,
): Environment {
  const types = new Map<string, Type>()
  const base = admissionEnvironment({ params: paramKind !== undefined, authorizer: true, variables: types })
  const objects = new Map([
    ['object', schema],
    ['oldObject', schema],
  ])
  if (params !== undefined) objects.set('params', params)
  const environment = withSchemas(base, schemas, objects)
  for (const { name = '', expression = '' } of variables) {
    const checked = checkExpression(expression, environment)
    types.set(name, declaredType('problem' in checked ? undefined : checked.type))
  }
  return environment
}

/** What the compiler says; what a program would say is not asked. */
function problemOf(expression: string, environment: Environment): string | undefined {
  const checked = checkExpression(expression, environment)
  if (!('problem' in checked) || !checked.problem.startsWith(COMPILATION)) return undefined
  return checked.problem.slice(COMPILATION.length)
}

/** Of rules that name what they are for. At most so many of each rule. */
function kindsOf(rules: readonly NamedRuleWithOperations[], { kindOf }: KnownTypes): GroupVersionKind[] {
  const kinds = new Map<string, GroupVersionKind>()
  for (const { apiGroups = [], apiVersions = [], resources = [] } of rules) {
    if ([...apiGroups, ...apiVersions].some((one) => one.includes('*'))) continue
    const named = resources.filter((one) => !/[*/]/.test(one)).sort(byteOrder)
    let count = 0
    for (const group of [...apiGroups].sort(byteOrder)) {
      for (const version of [...apiVersions].sort(byteOrder)) {
        for (const resource of named) {
          const kind = kindOf(group, version, resource)
          if (kind === undefined) continue
          kinds.set(`${kind.group}/${kind.version}/${kind.kind}`, kind)
          if (++count === MAX_TYPES) return inOrder(kinds.values())
        }
      }
    }
  }
  return inOrder(kinds.values())
}

function inOrder(kinds: Iterable<GroupVersionKind>): GroupVersionKind[] {
  return [...kinds].sort((a, b) => byteOrder(a.group, b.group) || byteOrder(a.version, b.version) || byteOrder(a.kind, b.kind))
}
