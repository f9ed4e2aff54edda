/**
 * Writes `src/api/openapi/documents.json`: every OpenAPI document of the built-in resources, packed, with its hash.
 *
 * Making them takes a good part of a second, so it is done once, here, and not by a server that starts.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { buildOpenAPI, type EncodedDocument } from '../src/api/openapi/build.ts'
import type { Authenticator } from '../src/authentication/authenticator.ts'
import { servedDefinitions } from '../src/registry/served.ts'
import { GIT_VERSION } from '../src/server/version.ts'
import type { TokenIssuer } from '../src/token/issuer.ts'

const OUT = 'src/api/openapi/documents.json'

/** `json` and `protobuf` are gzip in base64, so that an answer to a client that takes gzip needs no work. */
function packed({ json, protobuf, hash }: EncodedDocument): { hash: string; json: string; protobuf: string } {
  return { hash, json: gzipSync(json, { level: 9 }).toString('base64'), protobuf: gzipSync(protobuf, { level: 9 }).toString('base64') }
}

// What resources are called and look like does not depend on who signs and who is believed: neither is ever called here.
const neverCalled = { issuer: { apiAudiences: [] } as unknown as TokenIssuer, chain: {} as Authenticator }
const { v2, v3 } = buildOpenAPI(servedDefinitions(neverCalled), { title: 'Kubernetes', version: GIT_VERSION.replace(/\+.*/, '') })
const text = JSON.stringify({ v2: packed(v2), v3: Object.fromEntries([...v3].map(([name, document]) => [name, packed(document)])) })
if (!existsSync(OUT) || readFileSync(OUT, 'utf8') !== text) writeFileSync(OUT, text)
