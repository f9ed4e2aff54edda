/**
 * CEL in configuration files: over the claims of a token, over a user, over a question of access. Checked when the file is read, evaluated
 * within a limit at each request.
 *
 * @see apiserver/pkg/authentication/cel/{compile,mapper}.go; apiserver/pkg/authorization/cel/compile.go
 * @module
 */
import { PER_CALL_LIMIT } from '../cel/budget.ts'
import type { Expr } from '../cel/syntax.ts'
import type { Type } from '../cel/types.ts'
import { CelError, Double } from '../cel/values.ts'

/** What an expression is about. */
export type Subject = 'claims' | 'user' | 'request'

export interface Expression {
  readonly text: string
  /** As CEL writes it: `bool`, `list(string)`, `dyn`. */
  readonly type: string
  /** Whether it reads this member of its subject. */
  reads(member: string): boolean
  /** @throws Error with a text about the expression */
  evaluate(value: unknown): unknown
}

/** An expression, or what is wrong with it. */
export type CompileExpression = (text: string, subject: Subject) => Expression | { problem: string }

/** Loaded by the first file that needs it: parser, checker and regular expressions are heavy. */
export async function expressionCompiler(): Promise<CompileExpression> {
  const [{ compileExpression }, { checkExpression }, { parse }, types] = await Promise.all([
    import('../cel/evaluate.ts'),
    import('../cel/checker.ts'),
    import('../cel/parser.ts'),
    import('../cel/types.ts'),
  ])
  const structures = structuresOf(types)
  const variables: Record<Subject, Type> = {
    claims: types.mapOf(types.STRING, types.ANY),
    user: types.struct('kubernetes.UserInfo'),
    request: types.struct('kubernetes.SubjectAccessReviewSpec'),
  }
  return (text, subject) => {
    const environment = {
      variables: new Map([[subject, variables[subject]]]),
      fieldOf: (structure: string, field: string) => {
        const fields = structures.get(structure)
        return fields === undefined ? 'no structure' : (fields.get(field) ?? 'no field')
      },
      hasStructure: (name: string) => structures.has(name),
      patches: false,
    } as const
    const checked = checkExpression(text, environment)
    if ('problem' in checked) return checked
    const program = compileExpression(text)
    const { expr } = parse(text)
    return {
      text,
      type: types.typeText(checked.type),
      reads: (member) => expr !== undefined && selects(expr, subject, member),
      evaluate(value) {
        let left = PER_CALL_LIMIT
        const spend = (cost: number) => {
          left -= cost
          if (left < 0) throw new CelError('operation cancelled: actual cost limit exceeded', true)
        }
        try {
          return program.evaluate((name) => (name === subject ? value : undefined), spend)
        } catch (error) {
          if (!(error instanceof CelError)) throw error
          throw new Error(`expression '${text}' resulted in error: ${error.message}`, { cause: error })
        }
      },
    }
  }
}

type Types = typeof import('../cel/types.ts')

function structuresOf({ STRING, listOf, mapOf, struct }: Types): Map<string, ReadonlyMap<string, Type>> {
  const texts = listOf(STRING)
  const extra = mapOf(STRING, texts)
  const selector = { rawSelector: STRING, requirements: listOf(struct('kubernetes.SelectorRequirement')) }
  const tables: Record<string, Record<string, Type>> = {
    UserInfo: { username: STRING, uid: STRING, groups: texts, extra },
    SubjectAccessReviewSpec: {
      resourceAttributes: struct('kubernetes.ResourceAttributes'),
      nonResourceAttributes: struct('kubernetes.NonResourceAttributes'),
      user: STRING,
      groups: texts,
      extra,
      uid: STRING,
    },
    ResourceAttributes: {
      namespace: STRING,
      verb: STRING,
      group: STRING,
      version: STRING,
      resource: STRING,
      subresource: STRING,
      name: STRING,
      fieldSelector: struct('kubernetes.FieldSelectorAttributes'),
      labelSelector: struct('kubernetes.LabelSelectorAttributes'),
    },
    FieldSelectorAttributes: selector,
    LabelSelectorAttributes: selector,
    SelectorRequirement: { key: STRING, operator: STRING, values: texts },
    NonResourceAttributes: { path: STRING, verb: STRING },
  }
  return new Map(Object.entries(tables).map(([name, fields]) => [`kubernetes.${name}`, new Map(Object.entries(fields))]))
}

/** Whether `subject.member` or `subject.?member` is somewhere in it. */
function selects(expr: Expr, subject: string, member: string): boolean {
  const isSubject = (one: Expr | undefined) => one?.op === 'ident' && one.name === subject
  const inside = (one: Expr) => selects(one, subject, member)
  switch (expr.op) {
    case 'literal':
    case 'ident':
      return false
    case 'select':
      return (isSubject(expr.operand) && expr.field === member) || inside(expr.operand)
    case 'call': {
      const [operand, field] = expr.args
      if (expr.name === '_?._' && isSubject(operand) && field?.op === 'literal' && field.value === member) return true
      return expr.args.some(inside) || (expr.target !== undefined && inside(expr.target))
    }
    case 'list':
      return expr.items.some(({ value }) => inside(value))
    case 'map':
      return expr.entries.some(({ key, value }) => inside(key) || inside(value))
    case 'message':
      return expr.fields.some(({ value }) => inside(value))
    case 'fold':
      return [expr.range, expr.init, expr.condition, expr.step, expr.result].some(inside)
  }
}

/**
 * A value from JSON as expressions see it: numbers are doubles, and members may be named with `__dot__` for what CEL cannot write.
 *
 * @see apiserver/plugin/pkg/authenticator/token/oidc/oidc.go, nativeToValueWithUnescape
 */
export function celValue(value: unknown): unknown {
  if (typeof value === 'number') return new Double(value)
  if (Array.isArray(value)) return value.map(celValue)
  if (typeof value !== 'object' || value === null) return value
  return new UnescapedMap(Object.entries(value).map(([key, inner]) => [key, celValue(inner)]))
}

class UnescapedMap extends Map<unknown, unknown> {
  override get(key: unknown): unknown {
    return super.get(unescaped(key))
  }
  override has(key: unknown): boolean {
    return super.has(unescaped(key))
  }
}

const ESCAPES: Readonly<Record<string, string>> = { __underscores__: '__', __dot__: '.', __dash__: '-', __slash__: '/' }
const KEYWORDS = 'true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while'
const KEYWORD = new RegExp(`^__(${KEYWORDS})__$`)

/** @see apiserver/pkg/cel/escaping.go, Unescape */
function unescaped(key: unknown): unknown {
  if (typeof key !== 'string' || !key.includes('__')) return key
  const keyword = KEYWORD.exec(key)?.[1]
  return keyword ?? key.replace(/__(?:underscores|dot|dash|slash)__/g, (written) => ESCAPES[written] ?? written)
}
