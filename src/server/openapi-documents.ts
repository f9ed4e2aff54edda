/**
 * The OpenAPI documents of all that is served: those of built-in resources as the build has packed them, those of resources that came
 * later made when they are first asked for.
 *
 * Nothing is read before the first client asks: most of a server's life nobody does. Documents are kept packed, one is unpacked for those
 * who do not take gzip and kept no longer than its answer.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { constants, gunzip, gzip } from 'node:zlib'
import { buildOpenAPI, type EncodedDocument, groupVersionDocument, type OpenAPI } from '../api/openapi/build.ts'
import type { Info } from '../api/openapi/v3.ts'
import type { Registry } from '../registry/endpoint.ts'
import type { ResourceDefinition } from '../registry/resource.ts'
import { GIT_VERSION } from './version.ts'

export const INDEX_FILE = 'index.json'
export const DOCUMENTS_FILE = 'documents.gz'

/** What the documents call the server: the release without its patch. */
export const OPENAPI_INFO: Info = { title: 'Kubernetes', version: GIT_VERSION.replace(/^v(\d+\.\d+).*/, '$1') }

export type Form = 'json' | 'protobuf'

export interface OpenAPIDocument {
  /** Upper-case hexadecimal SHA-512 of the JSON. */
  hash: string
  read(form: Form): Promise<Uint8Array>
  readGzip(form: Form): Promise<Uint8Array>
}

/** Where in the file of documents each form of one begins and ends. */
type PackedDocument = { hash: string } & Readonly<Record<Form, readonly [start: number, end: number]>>

interface PackedIndex {
  v2: PackedDocument
  v3: Readonly<Record<string, PackedDocument>>
}

/** All documents, by their name in the index of v3: `api/v1`, `apis/apps/v1`. */
interface Documents {
  v2: OpenAPIDocument
  v3: Map<string, OpenAPIDocument>
}

const compress = promisify(gzip)
const uncompress = promisify(gunzip)

export class OpenAPIDocuments {
  readonly #registry: Registry
  readonly #folder: URL
  #builtin: Promise<Documents> | undefined
  #all: { generation: number; documents: Promise<Documents> } | undefined

  /** `folder` is where the build has put its documents; without them all are made from the registry. */
  constructor(registry: Registry, folder = new URL('openapi/', import.meta.url)) {
    this.#registry = registry
    this.#folder = folder
  }

  /** The documents of what the registry holds now. */
  all(): Promise<Documents> {
    const { generation } = this.#registry
    if (this.#all?.generation !== generation) {
      const documents = this.#withLater()
      this.#all = { generation, documents }
      documents.catch(() => {
        this.#all = undefined
      })
    }
    return this.#all?.documents as Promise<Documents>
  }

  async #withLater(): Promise<Documents> {
    this.#builtin ??= this.#load()
    const { v2, v3 } = await this.#builtin.catch((error) => {
      this.#builtin = undefined
      throw error
    })
    const later = new Map<string, ResourceDefinition[]>()
    for (const { definition, apiVersion } of this.#registry.endpoints()) {
      const name = definition.group === '' ? `api/${apiVersion}` : `apis/${apiVersion}`
      if (!v3.has(name)) later.set(name, [...(later.get(name) ?? []), definition])
    }
    if (later.size === 0) return { v2, v3 }
    const all = new Map(v3)
    for (const [name, resources] of later) all.set(name, made(groupVersionDocument(resources, OPENAPI_INFO, this.#registry.schemas)))
    return { v2, v3: all }
  }

  async #load(): Promise<Documents> {
    let packed: [index: string, documents: Buffer]
    try {
      packed = await Promise.all([readFile(new URL(INDEX_FILE, this.#folder), 'utf8'), readFile(new URL(DOCUMENTS_FILE, this.#folder))])
    } catch (error) {
      // Run from its sources, before any build.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return this.#build()
      throw error
    }
    const index = JSON.parse(packed[0]) as PackedIndex
    const v3 = Object.entries(index.v3).map(([name, document]) => [name, unpacked(document, packed[1])] as const)
    return { v2: unpacked(index.v2, packed[1]), v3: new Map(v3) }
  }

  #build(): Documents {
    const definitions = [...this.#registry.endpoints()].map(({ definition }) => definition)
    const { v2, v3 } = buildOpenAPI(definitions, OPENAPI_INFO, this.#registry.schemas)
    return { v2: made(v2), v3: new Map([...v3].map(([name, document]) => [name, made(document)])) }
  }
}

/** The two files of the build: every form of every document as gzip, one behind the other, and where each is. */
export async function packDocuments({ v2, v3 }: OpenAPI): Promise<{ index: PackedIndex; documents: Buffer }> {
  const parts: Buffer[] = []
  let at = 0
  const place = async (bytes: Buffer): Promise<[start: number, end: number]> => {
    const part = await compress(bytes, { level: constants.Z_BEST_COMPRESSION })
    parts.push(part)
    at += part.length
    return [at - part.length, at]
  }
  const pack = async ({ hash, json, protobuf }: EncodedDocument): Promise<PackedDocument> => ({
    hash,
    json: await place(json),
    protobuf: await place(protobuf),
  })
  const packed: Record<string, PackedDocument> = {}
  const index = { v2: await pack(v2), v3: packed }
  for (const [name, document] of v3) packed[name] = await pack(document)
  return { index, documents: Buffer.concat(parts) }
}

function unpacked(document: PackedDocument, documents: Buffer): OpenAPIDocument {
  const part = (form: Form): Buffer => documents.subarray(...document[form])
  return { hash: document.hash, read: (form) => uncompress(part(form)), readGzip: async (form) => part(form) }
}

function made(document: EncodedDocument): OpenAPIDocument {
  return { hash: document.hash, read: async (form) => document[form], readGzip: (form) => compress(document[form]) }
}
