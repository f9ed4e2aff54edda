/**
 * `/openapi/v2`, `/openapi/v3` and the document of each group version, from what was made at build time.
 *
 * Documents are kept packed, as they were read; one is unpacked when it is asked for without gzip, and then kept no longer than its answer.
 *
 * @see kube-openapi/pkg/handler/handler.go, kube-openapi/pkg/handler3/handler.go
 * @module
 */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { PROTOBUF_V2, PROTOBUF_V3, v3Index } from '../api/openapi/build.ts'
import { type Exchange, type HeaderList, header } from './exchange.ts'
import type { ServerRequest } from './handler.ts'
import type { ExtraRoute } from './routes.ts'

/** gzip in base64. */
interface PackedDocument {
  hash: string
  json: string
  protobuf: string
}

interface PackedDocuments {
  v2: PackedDocument
  v3: Readonly<Record<string, PackedDocument>>
}

const V3 = '/openapi/v3'
const YEAR_MS = 365 * 24 * 60 * 60 * 1000
const unpack = promisify(gunzip)

let loading: Promise<PackedDocuments> | undefined

/** Loaded when the first client asks: most of a server's life nobody does. */
function packedDocuments(): Promise<PackedDocuments> {
  loading ??= import('../api/openapi/documents.json', { with: { type: 'json' } }).then((module) => module.default as PackedDocuments)
  return loading
}

export const openapiRoutes: readonly ExtraRoute[] = [
  {
    path: '/openapi/v2',
    async handle(request) {
      const vary: HeaderList = [
        ['Vary', 'Accept-Encoding'],
        ['Vary', 'Accept'],
      ]
      const { v2 } = await packedDocuments()
      await answer(request, v2, { protobuf: PROTOBUF_V2, headers: vary, mayGzip: true })
    },
  },
  {
    path: V3,
    async handle(request) {
      const { v3 } = await packedDocuments()
      request.respond(200, [['Content-Type', 'text/plain; charset=utf-8']], v3Index(Object.entries(v3)))
    },
  },
  {
    path: `${V3}/`,
    async handle(request) {
      const { v3 } = await packedDocuments()
      const name = request.path.slice(V3.length + 1)
      const document = Object.hasOwn(v3, name) ? v3[name] : undefined
      if (document === undefined) return request.respond(404, [], '')
      const headers: HeaderList = [['Vary', 'Accept']]
      const hash = request.query.get('hash')
      if (hash !== null && hash !== '') {
        if (hash !== document.hash) {
          const location = `${V3}/${name}?hash=${document.hash}`
          return request.respond(
            301,
            [['Content-Type', 'application/json'], ['ETag', `"${document.hash}"`], ['Location', location], ...headers],
            '',
          )
        }
        headers.push(
          ['Cache-Control', 'public, immutable'],
          ['Expires', new Date(request.nowMs + YEAR_MS).toUTCString().replace('GMT', 'UTC')],
        )
      }
      await answer(request, document, { protobuf: PROTOBUF_V3, headers, mayGzip: false })
    },
  },
]

interface AnswerOptions {
  /** Media type of the protobuf form. */
  protobuf: string
  headers: HeaderList
  mayGzip: boolean
}

async function answer(request: ServerRequest, document: PackedDocument, { protobuf, headers, mayGzip }: AnswerOptions): Promise<void> {
  const { exchange } = request
  const form = formFor(header(exchange, 'accept'), protobuf)
  if (form === undefined) return request.respond(406, headers, '')
  headers.push(['ETag', `"${document.hash}"`])
  if (isKnown(exchange, document.hash)) return request.respond(304, headers, undefined)
  headers.push(['Content-Type', form === 'json' ? 'application/json' : protobuf])
  const packed = Buffer.from(document[form], 'base64')
  if (mayGzip && header(exchange, 'accept-encoding').includes('gzip'))
    return request.respond(200, [...headers, ['Content-Encoding', 'gzip']], packed)
  request.respond(200, headers, await unpack(packed))
}

/** The media type's name has an `@` in requests and a dot in answers; both are asked for. */
function formFor(accept: string, protobuf: string): 'json' | 'protobuf' | undefined {
  if (accept === '') return 'json'
  for (const clause of accept.split(',')) {
    const type = clause.split(';')[0]?.trim().replace('@', '.') ?? ''
    if (type === protobuf) return 'protobuf'
    if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'json'
  }
  return undefined
}

function isKnown(exchange: Exchange, hash: string): boolean {
  return header(exchange, 'if-none-match')
    .split(',')
    .some((tag) => tag.trim().replace(/^W\//, '') === `"${hash}"`)
}
