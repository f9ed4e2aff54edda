/**
 * Empty lists that somebody wrote where Go always writes the list.
 *
 * In Go such a list is empty until it is stored and nil from then on: whoever wrote it owns it, and nobody sees it. Here it is left out from
 * the beginning; that it was there is known of the decoded object as long as somebody holds it.
 *
 * @module
 */
import type { KubeObject } from './object.ts'

type Path = readonly string[]

const given = new WeakMap<object, readonly Path[]>()

export function noteGivenEmpty(object: object, paths: readonly Path[]): void {
  given.set(object, paths)
}

/** What is known of an object holds for its copy too. */
export function copyGivenEmpty(from: object, to: object): void {
  const paths = given.get(from)
  if (paths !== undefined) given.set(to, paths)
}

/** The object as Go has it before it is stored; itself where nothing was empty, or all was filled meanwhile. */
export function withGivenEmpty(object: KubeObject): KubeObject {
  return (given.get(object) ?? []).reduce((filled, path) => withEmptyList(filled, path), object)
}

function withEmptyList<T extends Record<string, any>>(object: T, [name, ...rest]: Path): T {
  if (name === undefined) return object
  const present = object[name]
  if (rest.length === 0) return present === undefined ? { ...object, [name]: [] } : object
  return present === undefined ? object : { ...object, [name]: withEmptyList(present, rest) }
}
