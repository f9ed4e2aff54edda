/**
 * Request bodies of the resource verbs.
 *
 * @see apiserver/pkg/endpoints/handlers/negotiation/negotiate.go, NegotiateInputSerializer
 * @module
 */
import { readBody } from '../../api/body-work.ts'
import { decodeBody, JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE } from '../../api/decode.ts'
import type { GroupVersionKind, KubeObject } from '../../api/object.ts'
import { groupVersion } from '../../api/object.ts'
import type { StructType } from '../../api/schema.ts'
import { builtinSchemas } from '../../api/schemas.ts'
import { badRequest, failure } from '../../api/status.ts'
import type { VerbContext } from './context.ts'
import type { FieldValidation } from './options.ts'

const BODY_TYPES = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE]

/** Decodes, checks the version, and turns what a strict reading finds into warnings where asked. Defaults are the caller's. */
export async function decodeRequestObject(
  context: VerbContext,
  target: { schema: StructType; gvk: GroupVersionKind },
  validation: FieldValidation,
): Promise<KubeObject> {
  const mediaType = bodyType(context.contentType)
  const bytes = await context.body()
  const { schema, gvk } = target
  const { schemas } = context.verbs.registry
  // A worker knows the built-in schemas only.
  const decoded =
    schemas === builtinSchemas
      ? await readBody(bytes, { kind: 'object', mediaType, schema: schema.name, gvk, strict: validation })
      : decodeBody(bytes, mediaType, { schema, gvk, strict: validation, source: schemas })
  for (const warning of decoded.strictErrors) context.warn(warning)
  const sent = groupVersion(decoded.gvk.group, decoded.gvk.version)
  const expected = groupVersion(target.gvk.group, target.gvk.version)
  if (sent !== expected) throw badRequest(`the API version in the data (${sent}) does not match the expected API version (${expected})`)
  return decoded.object
}

/** The media type of a body that is a whole object; nothing said is JSON. Throws the 415 that lists them. */
export function bodyType(contentType: string): string {
  if (contentType === '' || contentType === JSON_TYPE) return JSON_TYPE
  const type = (contentType.split(';', 1)[0] as string).trim().toLowerCase()
  if (BODY_TYPES.includes(type)) return type
  throw failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${BODY_TYPES.join(', ')}`,
  )
}
