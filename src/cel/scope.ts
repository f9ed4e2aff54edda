/**
 * Names: what an expression is given, what its macros bind, and what is inside a value.
 *
 * @module
 */
import { adapt, CelError, entryOf, isMap, isMembers, typeName } from './values.ts'

/** Names bound by the macros around. */
export interface Scope {
  readonly name: string
  readonly value: unknown
  readonly outer: Scope | undefined
}

/** What an expression can name. Undefined: nothing of that name. */
export type Variables = (name: string) => unknown

/** One evaluation: its variables, and what it may still cost. */
export interface Run {
  variables: Variables
  spend(cost: number): void
}

export type Step = (run: Run, scope: Scope | undefined) => unknown

/** While compiling: which names are bound around here. */
export interface Around {
  bound: { name: string; outer: Around['bound'] } | undefined
  names: Set<string>
}

export function bind(around: Around, ...bound: string[]): Around {
  let inner = around.bound
  for (const name of bound) inner = { name, outer: inner }
  return { bound: inner, names: around.names }
}

export function isBound({ bound }: Around, name: string): boolean {
  for (let at = bound; at !== undefined; at = at.outer) if (at.name === name) return true
  return false
}

/** Undefined: no such member. What is no structure has none. */
export function memberOf(value: unknown, name: unknown): unknown {
  if (isMembers(value)) {
    const found = value.member(name as string) // names of members are texts
    return found === undefined ? undefined : adapt(found)
  }
  if (isMap(value)) return entryOf(value, name)
  if (Array.isArray(value)) throw new CelError(`unsupported index type '${typeName(name)}' in list`)
  return undefined
}

export function hasMember(value: unknown, name: string): boolean {
  return isMembers(value) && value.has !== undefined ? value.has(name) : memberOf(value, name) !== undefined
}
