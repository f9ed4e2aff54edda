/**
 * The type checker: what an expression gives, or everything that does not fit.
 *
 * @see github.com/google/cel-go, checker/checker.go
 * @module
 */
import { functions, type Overload, TYPE_NAMES } from './declarations.ts'
import { expandMacro } from './expand.ts'
import { instantiationProblem, literalMistakes } from './literal-checks.ts'
import { parse } from './parser.ts'
import {
  type Call,
  displayMistakes,
  type Expr,
  type Fold,
  type ListLiteral,
  type MapLiteral,
  type Message,
  type Mistake,
} from './syntax.ts'
import {
  Bindings,
  BOOL,
  BYTES,
  DOUBLE,
  DYN,
  ERROR,
  formatType,
  INT,
  insideOptional,
  isDyn,
  isDynOrError,
  isLargerThan,
  listOf,
  mapOf,
  mostGeneral,
  NULL,
  optionalOf,
  param,
  STRING,
  sameType,
  struct,
  type Type,
  typeOf,
  typeText,
  UINT,
} from './types.ts'
import { Double, Uint } from './values.ts'

/** What an expression may name. */
export interface Environment {
  readonly variables: ReadonlyMap<string, Type>
  /** Type of a member; `no structure` and `no field` when there is none. */
  fieldOf(structure: string, field: string): Type | 'no structure' | 'no field'
  /** Whether messages of this name can be made. */
  hasStructure(name: string): boolean
  /** With what patches of objects are made of. */
  readonly patches: boolean
}

export type Checked = { type: Type } | { problem: string }

/**
 * Reads and checks. The problem is what upstream says.
 *
 * @param wanted what it has to give; anything when there is none
 */
export function checkExpression(source: string, environment: Environment, wanted: readonly Type[] = []): Checked {
  const failed = (mistakes: readonly Mistake[]): Checked => ({ problem: `compilation failed: ${displayMistakes(source, mistakes)}` })
  const { expr, mistakes } = parse(source)
  if (expr === undefined || mistakes.length > 0) return failed(mistakes)
  const checker = new Checker(environment)
  let type: Type
  try {
    type = checker.check(expr, undefined)
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error
    return failed([{ at: undefined, message: `a type is made of more than ${MAX_TYPE_PARTS} parts` }])
  }
  if (checker.mistakes.length > 0) return failed(checker.mistakes)
  const wrong = literalMistakes(checker.visited, (one) => checker.finalType(one))
  if (wrong.length > 0) return failed(wrong)
  const given = checker.final(type)
  if (wanted.length > 0 && !wanted.some((one) => sameType(one, given))) return { problem: wrongResult(wanted, given) }
  const [bare] = checker.bareMessages
  const problem = instantiationProblem(checker.visited) ?? (bare === undefined ? undefined : `reference to undefined type: ${bare}`)
  return problem === undefined ? { type: given } : { problem: `program instantiation failed: ${problem}` }
}

function wrongResult(wanted: readonly Type[], given: Type): string {
  const texts = wanted.map(typeText)
  return `must evaluate to ${texts.length === 1 ? texts[0] : `one of [${texts.join(' ')}]`} but got ${typeText(given)}`
}

/** Names bound by macros. */
interface Local {
  readonly name: string
  readonly type: Type
  readonly outer: Local | undefined
}

interface Result {
  type: Type
  /** Which of all were found in it: from, to. */
  mistakes: [number, number]
  visited: [number, number]
}

/** A type that holds another twice, and so on. */
class TooLarge extends Error {}
const MAX_TYPE_PARTS = 1000

/** Macros in macros repeat without end. */
const MAX_REPEATED = 1000

class Checker {
  readonly mistakes: Mistake[] = []
  /** Names of messages that stand where a value has to. */
  readonly bareMessages: string[] = []
  /** Literals and calls, each behind those inside it, with the calls around it. */
  readonly visited: { expr: Expr; inside: readonly string[] }[] = []
  readonly #environment: Environment
  readonly #functions: ReadonlyMap<string, readonly Overload[]>
  readonly #bindings = new Bindings()
  readonly #checked = new Map<Expr, Result>()
  #inside: readonly string[] = []
  #fresh = 0

  constructor(environment: Environment) {
    this.#environment = environment
    this.#functions = functions(environment.patches)
  }

  /** What macros use twice is checked once, and its mistakes are told again. */
  check(expr: Expr, local: Local | undefined): Type {
    const known = this.#checked.get(expr)
    if (known !== undefined) {
      if (this.mistakes.length < MAX_REPEATED) this.mistakes.push(...this.mistakes.slice(...known.mistakes))
      if (this.visited.length < MAX_REPEATED) this.visited.push(...this.visited.slice(...known.visited))
      return known.type
    }
    const [mistakes, visited] = [this.mistakes.length, this.visited.length]
    const type = this.#check(expr, local)
    if (isLargerThan(type, MAX_TYPE_PARTS)) throw new TooLarge()
    this.#checked.set(expr, { type, mistakes: [mistakes, this.mistakes.length], visited: [visited, this.visited.length] })
    return type
  }

  /** Of an expression that was checked. */
  finalType(expr: Expr): Type {
    return this.final(this.#checked.get(expr)?.type ?? DYN)
  }

  /** What is not known by now can be anything. */
  final(type: Type): Type {
    return this.#bindings.substitute(type, DYN)
  }

  #check(expr: Expr, local: Local | undefined): Type {
    switch (expr.op) {
      case 'literal':
        return literalType(expr.value)
      case 'ident':
        return this.#named(expr.name, local) ?? this.#undeclared(expr.at, expr.name)
      case 'select': {
        const name = expr.test ? undefined : qualifiedName(expr)
        const variable = name === undefined ? undefined : this.#named(name, local)
        if (variable !== undefined) return variable
        const type = this.#field(expr.at, this.check(expr.operand, local), expr.field, false)
        return expr.test ? BOOL : this.#bindings.substitute(type)
      }
      case 'call':
        return this.#expanded(expr, local)
      case 'list':
        return this.#list(expr, local)
      case 'map':
        return this.#map(expr, local)
      case 'message':
        return this.#message(expr, local)
      case 'fold':
        return this.#fold(expr, local)
    }
  }

  #mistake(at: number | undefined, message: string): void {
    this.mistakes.push({ at, message })
  }

  #undeclared(at: number, name: string): Type {
    this.#mistake(at, `undeclared reference to '${name}' (in container '')`)
    return ERROR
  }

  #mismatch(at: number, wanted: Type, found: Type): void {
    this.#mistake(at, `expected type '${formatType(wanted)}' but found '${formatType(found)}'`)
  }

  #lookup(name: string, local: Local | undefined): Type | undefined {
    const wanted = name.startsWith('.') ? name.slice(1) : name
    for (let at = local; at !== undefined; at = at.outer) if (at.name === wanted) return at.type
    const known = this.#environment.variables.get(wanted) ?? TYPE_NAMES.get(wanted)
    return known ?? (this.#environment.hasStructure(wanted) ? typeOf(struct(wanted)) : undefined)
  }

  #named(name: string, local: Local | undefined): Type | undefined {
    const found = this.#lookup(name, local)
    if (found?.kind === 'type' && found.params[0]?.kind === 'struct') this.bareMessages.push(found.params[0].name)
    return found
  }

  #freshType(): Type {
    return param(`_var${this.#fresh++}`)
  }

  #field(at: number, operandType: Type, field: string, optional: boolean): Type {
    const operand = this.#bindings.substitute(operandType)
    const inner = insideOptional(operand)
    const target = inner ?? operand
    const found = this.#fieldOf(at, target, field)
    return inner !== undefined || optional ? optionalOf(found) : found
  }

  #fieldOf(at: number, target: Type, field: string): Type {
    switch (target.kind) {
      case 'map':
        return target.params[1] ?? DYN
      case 'struct':
        return this.#memberOf(at, target.name, field) ?? ERROR
      case 'param':
        this.#bindings.assignable([DYN], [target])
        return DYN
      default:
        if (!isDynOrError(target)) this.#mistake(at, `type '${formatType(target)}' does not support field selection`)
        return DYN
    }
  }

  #memberOf(at: number, structure: string, field: string): Type | undefined {
    const found = this.#environment.fieldOf(structure, field)
    if (typeof found !== 'string') return found
    this.#mistake(at, found === 'no field' ? `undefined field '${field}'` : `unexpected failed resolution of '${structure}'`)
    return undefined
  }

  #expanded(call: Call, local: Local | undefined): Type {
    const expanded = expandMacro(call)
    if (expanded !== call) return this.check(expanded, local)
    const outside = this.#inside
    this.#inside = [...outside, call.name]
    const type = this.#call(call, local)
    this.#inside = outside
    this.visited.push({ expr: call, inside: outside })
    return type
  }

  #call(call: Call, local: Local | undefined): Type {
    const { name, target, args, at } = call
    if (name === '_?._') {
      const [operand, field] = args as [Expr, Expr] // the parser makes it so
      const text = field.op === 'literal' && typeof field.value === 'string' ? field.value : ''
      return this.#bindings.substitute(this.#field(at, this.check(operand, local), text, true))
    }
    const types = args.map((arg) => this.check(arg, local))
    if (target === undefined) {
      const own = name.startsWith('.') ? name.slice(1) : name
      const overloads = this.#functions.get(own)
      if (overloads === undefined) return this.#undeclared(at, name)
      return this.#resolve({ ...call, name: own }, overloads, types, false)
    }
    const namespace = qualifiedName(target)
    const qualified = namespace === undefined ? undefined : this.#functions.get(`${namespace}.${name}`)
    if (qualified !== undefined) return this.#resolve({ ...call, name: `${namespace}.${name}` }, qualified, types, false)
    const receiver = this.check(target, local)
    const overloads = this.#functions.get(name)
    if (overloads === undefined) return this.#undeclared(at, name)
    return this.#resolve(call, overloads, [receiver, ...types], true)
  }

  #resolve({ name, at, args }: Call, overloads: readonly Overload[], types: readonly Type[], member: boolean): Type {
    if (name === '_&&_' || name === '_||_') return this.#logical(args, types)
    let result: Type | undefined
    for (const overload of overloads) {
      if (overload.member !== member) continue
      const fresh = new Map(overload.params.map((one) => [one, this.#freshType()]))
      const wanted = overload.args.map((type) => replaced(type, fresh))
      if (!this.#bindings.assignable(types, wanted)) continue
      const found = this.#bindings.substitute(replaced(overload.result, fresh))
      if (result === undefined) result = found
      else if (!isDyn(result) && !sameType(found, result)) result = DYN
    }
    if (result !== undefined) return result
    const shown = types.map((type) => formatType(this.final(type)))
    const signature = member ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`
    this.#mistake(at, `found no matching overload for '${name}' applied to '${signature}'`)
    return ERROR
  }

  #logical(args: readonly Expr[], types: readonly Type[]): Type {
    let fits = true
    for (const [i, type] of types.entries()) {
      if (this.#bindings.assignable([type], [BOOL])) continue
      this.#mismatch(args[i]?.at ?? 0, BOOL, type)
      fits = false
    }
    return fits ? BOOL : ERROR
  }

  /** Of an optional element what it holds. */
  #inner(value: Expr, type: Type, optional: boolean): Type {
    if (!optional) return type
    const inner = insideOptional(type)
    if (inner === undefined && !isDyn(type)) this.#mismatch(value.at, optionalOf(type), type)
    return inner ?? type
  }

  #joined(previous: Type | undefined, current: Type): Type {
    if (previous === undefined) return current
    return this.#bindings.assignable([previous], [current]) ? mostGeneral(previous, current) : DYN
  }

  #list(list: ListLiteral, local: Local | undefined): Type {
    let element: Type | undefined
    for (const { value, optional } of list.items) {
      const type = this.#inner(value, this.check(value, local), optional)
      element = this.#joined(element, type)
    }
    this.visited.push({ expr: list, inside: this.#inside })
    return listOf(element ?? this.#freshType())
  }

  #map(map: MapLiteral, local: Local | undefined): Type {
    let keys: Type | undefined
    let values: Type | undefined
    for (const { key, value, optional } of map.entries) {
      keys = this.#joined(keys, this.check(key, local))
      const type = this.#inner(value, this.check(value, local), optional)
      values = this.#joined(values, type)
    }
    this.visited.push({ expr: map, inside: this.#inside })
    return mapOf(keys ?? this.#freshType(), values ?? this.#freshType())
  }

  #message(message: Message, local: Local | undefined): Type {
    const name = message.name.startsWith('.') ? message.name.slice(1) : message.name
    const found = this.#lookup(message.name, local)
    if (found === undefined) return this.#undeclared(message.at, message.name)
    const type = this.#messageType(message.at, name, found)
    for (const field of message.fields) {
      const given = this.check(field.value, local)
      const wanted = type.kind === 'struct' ? (this.#memberOf(field.at, name, field.name) ?? ERROR) : ERROR
      const value = this.#inner(field.value, given, field.optional)
      if (this.#bindings.assignable([wanted], [value])) continue
      this.#mistake(
        field.at,
        `expected type of field '${field.name}' is '${formatType(wanted)}' but provided type is '${formatType(value)}'`,
      )
    }
    return type
  }

  #messageType(at: number, name: string, found: Type): Type {
    const [type] = found.params
    if (found.kind === 'error') return ERROR
    if (found.kind === 'type' && type?.kind === 'struct') return type
    if (found.kind === 'type') this.#mistake(at, `'${type?.name ?? name}' is not a message type`)
    else this.#mistake(at, `'${formatType(found)}' is not a type`)
    return ERROR
  }

  #fold(fold: Fold, local: Local | undefined): Type {
    const over = this.check(fold.range, local)
    const accumulated = this.check(fold.init, local)
    const range = this.#bindings.substitute(over)
    const outer: Local = { name: fold.accumulator, type: accumulated, outer: local }
    let inner: Local = outer
    for (const [i, type] of this.#iterated(fold, range).entries()) inner = { name: fold.names[i] ?? '', type, outer: inner }
    this.#assert(fold.condition, BOOL, this.check(fold.condition, inner))
    this.#assert(fold.step, accumulated, this.check(fold.step, inner))
    return this.#bindings.substitute(this.check(fold.result, outer))
  }

  #assert(expr: Expr, wanted: Type, found: Type): void {
    if (!this.#bindings.assignable([wanted], [found])) this.#mismatch(expr.at, wanted, found)
  }

  /** Types of the names that a loop binds. */
  #iterated({ range: expr, names }: Fold, range: Type): Type[] {
    const two = names.length === 2
    const [first = DYN, second = DYN] = range.params
    switch (range.kind) {
      case 'list':
        return two ? [INT, first] : [first]
      case 'map':
        return two ? [first, second] : [first]
      case 'dyn':
      case 'error':
      case 'param':
        this.#bindings.assignable([DYN], [range])
        return two ? [DYN, DYN] : [DYN]
      default:
        this.#mistake(
          expr.at,
          `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        )
        return two ? [ERROR, ERROR] : [ERROR]
    }
  }
}

function literalType(value: unknown): Type {
  if (value === null) return NULL
  if (typeof value === 'boolean') return BOOL
  if (typeof value === 'bigint') return INT
  if (typeof value === 'string') return STRING
  if (value instanceof Double) return DOUBLE
  return value instanceof Uint ? UINT : BYTES
}

/** `a.b.c` when it is nothing but names. */
function qualifiedName(expr: Expr): string | undefined {
  if (expr.op === 'ident') return expr.name
  if (expr.op !== 'select' || expr.test) return undefined
  const left = qualifiedName(expr.operand)
  return left === undefined ? undefined : `${left}.${expr.field}`
}

function replaced(type: Type, fresh: ReadonlyMap<string, Type>): Type {
  if (type.kind === 'param') return fresh.get(type.name) ?? type
  return type.params.length === 0 ? type : { ...type, params: type.params.map((one) => replaced(one, fresh)) }
}
