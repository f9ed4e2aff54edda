/**
 * JSON merge patch.
 *
 * @see RFC 7386
 * @module
 */
import { setMember } from '../json.ts'
import { copyJson, isObject, type JsonObject, own } from './json-value.ts'

/**
 * The document with the patch merged in; neither is changed. Parts that the patch does not touch are shared with the document.
 *
 * A patch that is no object replaces the document, as the RFC has it; the server refuses such patches before.
 */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return copyJson(patch)
  const merged: JsonObject = isObject(document) ? { ...document } : {}
  for (const key of Object.keys(patch)) {
    const value = own(patch, key)
    if (value === null) delete merged[key]
    else setMember(merged, key, isObject(value) ? applyMergePatch(own(merged, key), value) : withoutNulls(value))
  }
  return merged
}

/** Lists come from the patch whole; objects inside them still lose their nulls, which goes beyond the RFC (evanphx/json-patch merge.go). */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  return isObject(value) ? applyMergePatch(undefined, value) : value
}
