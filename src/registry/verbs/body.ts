/**
 * Request bodies of the resource verbs.
 *
 * @module
 */
import { type DecodedBody, decodeBody } from '../../api/decode.ts'
import type { GroupVersionKind, KubeObject } from '../../api/object.ts'
import { groupVersion } from '../../api/object.ts'
import type { StructType } from '../../api/schema.ts'
import { badRequest } from '../../api/status.ts'
import type { VerbContext } from './context.ts'
import type { FieldValidation } from './options.ts'

/** Decodes, checks the version, and turns what a strict reading finds into warnings where asked. Defaults are the caller's. */
export async function decodeRequestObject(
  context: VerbContext,
  target: { schema: StructType; gvk: GroupVersionKind },
  validation: FieldValidation,
): Promise<KubeObject> {
  const bytes = await context.body()
  const decoded: DecodedBody = decodeBody(bytes, context.contentType, { schema: target.schema, gvk: target.gvk, strict: validation })
  for (const warning of decoded.strictErrors) context.warn(warning)
  const sent = groupVersion(decoded.gvk.group, decoded.gvk.version)
  const expected = groupVersion(target.gvk.group, target.gvk.version)
  if (sent !== expected) throw badRequest(`the API version in the data (${sent}) does not match the expected API version (${expected})`)
  return decoded.object
}
