/**
 * Writes every OpenAPI document of the built-in resources, packed, with its hash: `dist/openapi/`.
 *
 * Making them takes a good part of a second, so it is done once, here, and not by a server that starts.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildOpenAPI } from '../src/api/openapi/build.ts'
import type { Authenticator } from '../src/authentication/authenticator.ts'
import { servedDefinitions } from '../src/registry/served.ts'
import { DOCUMENTS_FILE, INDEX_FILE, OPENAPI_INFO, packDocuments } from '../src/server/openapi-documents.ts'
import type { TokenIssuer } from '../src/token/issuer.ts'

/** Resolves with the size of all that was written, in bytes. */
export async function writeOpenAPI(folder: string): Promise<number> {
  // What resources are called and look like does not depend on who signs and who is believed: neither is ever called here.
  const neverCalled = { issuer: { apiAudiences: [] } as unknown as TokenIssuer, chain: {} as Authenticator, components: {} }
  const { index, documents } = await packDocuments(buildOpenAPI(servedDefinitions(neverCalled), OPENAPI_INFO))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, INDEX_FILE), JSON.stringify(index))
  writeFileSync(join(folder, DOCUMENTS_FILE), documents)
  return JSON.stringify(index).length + documents.length
}
