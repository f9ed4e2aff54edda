/**
 * Changes the object of a request in place.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'

/** Those who hold the object, or its metadata, see the change. */
export function replaceContents(object: KubeObject, contents: KubeObject): void {
  if (contents === object) return
  const { metadata } = object
  for (const name of Object.keys(object)) delete object[name]
  Object.assign(object, contents)
  if (metadata === undefined || contents.metadata === metadata) return
  for (const name of Object.keys(metadata) as (keyof typeof metadata)[]) delete metadata[name]
  Object.assign(metadata, contents.metadata)
  object.metadata = metadata
}
