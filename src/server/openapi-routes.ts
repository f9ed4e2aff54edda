/**
 * `/openapi/v2`, `/openapi/v3` and the document of each group version.
 *
 * @see kube-openapi/pkg/handler/handler.go, kube-openapi/pkg/handler3/handler.go
 * @module
 */
import { PROTOBUF_V2, PROTOBUF_V3, v3Index } from '../api/openapi/build.ts'
import { type Exchange, type HeaderList, header } from './exchange.ts'
import type { Form, OpenAPIDocument, OpenAPIDocuments } from './openapi-documents.ts'
import type { ServerRequest } from './request.ts'
import type { ExtraRoute } from './routes.ts'

const V3 = '/openapi/v3'
const YEAR_MS = 365 * 24 * 60 * 60 * 1000

export function openapiRoutes(documents: OpenAPIDocuments): ExtraRoute[] {
  return [
    {
      path: '/openapi/v2',
      async handle(request) {
        const headers: HeaderList = [
          ['Vary', 'Accept-Encoding'],
          ['Vary', 'Accept'],
        ]
        const { v2 } = await documents.all()
        await answer(request, v2, { protobuf: PROTOBUF_V2, headers, mayGzip: true })
      },
    },
    {
      path: V3,
      async handle(request) {
        const { v3 } = await documents.all()
        request.respond(200, [['Content-Type', 'text/plain; charset=utf-8']], v3Index(v3))
      },
    },
    {
      path: `${V3}/`,
      async handle(request) {
        const { v3 } = await documents.all()
        const name = request.path.slice(V3.length + 1)
        const document = v3.get(name)
        if (document === undefined) return request.respond(404, [], '')
        const headers: HeaderList = [['Vary', 'Accept']]
        const hash = request.query.get('hash') ?? ''
        if (hash !== '' && hash !== document.hash) {
          const location = `${V3}/${name}?hash=${document.hash}`
          headers.push(['Content-Type', 'application/json'], ['ETag', `"${document.hash}"`], ['Location', location])
          return request.respond(301, headers, '')
        }
        if (hash !== '') {
          const expires = new Date(request.nowMs + YEAR_MS).toUTCString().replace('GMT', 'UTC')
          headers.push(['Cache-Control', 'public, immutable'], ['Expires', expires])
        }
        await answer(request, document, { protobuf: PROTOBUF_V3, headers, mayGzip: false })
      },
    },
  ]
}

interface AnswerOptions {
  /** Media type of the protobuf form. */
  protobuf: string
  headers: HeaderList
  mayGzip: boolean
}

async function answer(request: ServerRequest, document: OpenAPIDocument, { protobuf, headers, mayGzip }: AnswerOptions): Promise<void> {
  const { exchange } = request
  const form = formFor(header(exchange, 'accept'), protobuf)
  if (form === undefined) return request.respond(406, headers, '')
  headers.push(['ETag', `"${document.hash}"`])
  if (isKnown(exchange, document.hash)) return request.respond(304, headers, undefined)
  headers.push(['Content-Type', form === 'json' ? 'application/json' : protobuf])
  if (mayGzip && header(exchange, 'accept-encoding').includes('gzip')) {
    headers.push(['Content-Encoding', 'gzip'])
    return request.respond(200, headers, await document.readGzip(form))
  }
  request.respond(200, headers, await document.read(form))
}

/** The media type's name has an `@` in requests and a dot in answers; both are asked for. */
function formFor(accept: string, protobuf: string): Form | undefined {
  if (accept === '') return 'json'
  let form: Form | undefined
  let best = 0
  for (const clause of accept.split(',')) {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim())
    const quality = Number(parameters.find((one) => one.startsWith('q='))?.slice(2) ?? 1)
    const wanted = type === 'application/json' || type === '*/*' || type === 'application/*' ? 'json' : undefined
    const offered = type.replace('@', '.') === protobuf ? 'protobuf' : wanted
    if (offered === undefined || quality <= best) continue
    form = offered
    best = quality
  }
  return form
}

function isKnown(exchange: Exchange, hash: string): boolean {
  return header(exchange, 'if-none-match')
    .split(',')
    .some((tag) => tag.trim().replace(/^W\//, '') === `"${hash}"`)
}
