/**
 * Whether a configuration fits its type, in upstream's words.
 *
 * @see sigs.k8s.io/structured-merge-diff typed/validate.go, typed/helpers.go
 * @module
 */
import { goSyntax, goType, goValue } from '../patch/go-format.ts'
import { isObject } from '../patch/json-value.ts'
import { itemElement, UnidentifiedItem } from './list-items.ts'
import { elementText } from './path-element.ts'
import type { ListTopology, ScalarTopology, StructTopology, Topology } from './topology.ts'

/** What is wrong with the object: `.spec.foo: field not declared in schema`. Undefined: nothing. */
export function typeErrors(object: unknown, topology: StructTopology): string | undefined {
  const errors: string[] = []
  check(object, topology, '', errors)
  if (errors.length <= 1) return errors[0]
  return ['errors:', ...errors.map((error) => `  ${error}`)].join('\n')
}

function check(value: unknown, topology: Topology, path: string, errors: string[]): void {
  if (value === null || value === undefined) return
  switch (topology.kind) {
    case 'scalar':
      checkScalar(value, topology, path, errors)
      return
    case 'struct':
      if (isObject(value)) checkMembers(value, topology, path, errors)
      else report(errors, path, `expected map, got ${wrapped(value)}`)
      return
    case 'map':
      if (isObject(value)) for (const key of Object.keys(value)) check(value[key], topology.values, `${path}.${key}`, errors)
      else report(errors, path, `expected map, got ${wrapped(value)}`)
      return
    case 'list':
      if (Array.isArray(value)) checkItems(value, topology, path, errors)
      else report(errors, path, `expected list, got ${wrapped(value)}`)
      return
    case 'any':
      return
  }
}

/** The first member that is not declared ends it. */
function checkMembers(object: Record<string, unknown>, topology: StructTopology, path: string, errors: string[]): void {
  for (const name of Object.keys(object)) {
    const member = topology.members.get(name)
    if (member !== undefined) check(object[name], member.type, `${path}.${name}`, errors)
    else if (!topology.open) {
      report(errors, `${path}.${name}`, 'field not declared in schema')
      return
    }
  }
}

function checkItems(list: readonly unknown[], topology: ListTopology, path: string, errors: string[]): void {
  const seen = new Set<string>()
  for (const [i, item] of list.entries()) {
    if (topology.atomic) {
      check(item, topology.items, `${path}[${i}]`, errors)
      continue
    }
    const element = identify(item, i, topology, path, errors)
    if (element === undefined) return
    if (seen.has(element)) report(errors, path, `duplicate entries for key ${elementText(element)}`)
    seen.add(element)
    check(item, topology.items, path + elementText(element), errors)
  }
}

function identify(item: unknown, position: number, topology: ListTopology, path: string, errors: string[]): string | undefined {
  try {
    return itemElement(item, topology)
  } catch (error) {
    if (!(error instanceof UnidentifiedItem)) throw error
    report(errors, path, `element ${position}: ${error.message}`)
    return undefined
  }
}

function checkScalar(value: unknown, { scalar }: ScalarTopology, path: string, errors: string[]): void {
  const type = typeof value === 'bigint' ? 'number' : typeof value
  switch (scalar) {
    case 'numeric':
      if (type !== 'number') report(errors, path, `expected numeric (int or float), got ${goType(value)}`)
      return
    case 'string':
      if (type !== 'string') report(errors, path, `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`)
      return
    case 'boolean':
      if (type !== 'boolean') report(errors, path, `expected boolean, got ${wrapped(value)}`)
  }
}

function report(errors: string[], path: string, message: string): void {
  errors.push(path === '' ? message : `${path}: ${message}`)
}

/** A pointer to a struct around the value, as `%v` prints it. */
function wrapped(value: unknown): string {
  return `&{${goValue(value)}}`
}
