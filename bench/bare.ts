/**
 * What Node itself costs: an HTTPS server that answers the benchmark's requests with as little as possible.
 *
 * It keeps bodies in memory, checks nothing, and knows no Kubernetes; `npm run bench` measures it in the same run, as the limit that
 * podpass is held against. Arguments: port, certificate file, key file.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureServer, type ServerHttp2Stream } from 'node:http2'
import process from 'node:process'

const [port, certFile, keyFile] = process.argv.slice(2)
const objects = new Map<string, Buffer>()
const collections = new Map<string, { parts: Buffer[]; joined: Buffer | undefined }>()
const watchers = new Map<string, Set<ServerResponse>>()
const JSON_HEADERS = { 'content-type': 'application/json' }

function written(method: string, path: string, body: string): Buffer {
  const object = JSON.parse(body) as { metadata?: { name?: string } }
  const bytes = Buffer.from(JSON.stringify(object))
  if (method !== 'POST') {
    objects.set(path, bytes)
    return bytes
  }
  objects.set(`${path}/${object.metadata?.name ?? ''}`, bytes)
  const collection = collections.get(path) ?? { parts: [], joined: undefined }
  collection.parts.push(bytes)
  collection.joined = undefined
  collections.set(path, collection)
  for (const watcher of watchers.get(path) ?? []) watcher.write(`{"type":"ADDED","object":${bytes.toString()}}\n`)
  return bytes
}

function read(path: string): Buffer | undefined {
  const collection = collections.get(path)
  if (collection === undefined) return objects.get(path)
  collection.joined ??= Buffer.from(`{"items":[${collection.parts.join(',')}]}`)
  return collection.joined
}

function onRequest(request: IncomingMessage, response: ServerResponse): void {
  const [path = '', query = ''] = (request.url ?? '').split('?')
  const method = request.method ?? 'GET'
  if (method === 'GET') {
    if (!query.startsWith('watch')) {
      const bytes = read(path) ?? Buffer.from('{}')
      response.writeHead(200, { ...JSON_HEADERS, 'content-length': bytes.length }).end(bytes)
      return
    }
    const open = watchers.get(path) ?? new Set()
    watchers.set(path, open.add(response))
    response.on('close', () => open.delete(response))
    response.writeHead(200, JSON_HEADERS).flushHeaders()
    return
  }
  let body = ''
  request.setEncoding('utf8').on('data', (text: string) => (body += text))
  request.on('end', () => {
    const bytes = written(method, path, body)
    response.writeHead(method === 'POST' ? 201 : 200, { ...JSON_HEADERS, 'content-length': bytes.length }).end(bytes)
  })
}

const server = createSecureServer({ cert: readFileSync(certFile as string), key: readFileSync(keyFile as string), allowHTTP1: true })
server.on('request', (request, response) => {
  if (request.httpVersionMajor === 1) onRequest(request as unknown as IncomingMessage, response as unknown as ServerResponse)
})
server.on('stream', (stream: ServerHttp2Stream, headers) => {
  stream.respond({ ':status': 200, ...JSON_HEADERS })
  stream.end(read(headers[':path'] ?? '') ?? '{}')
})
server.on('sessionError', () => {})
server.listen(Number(port), '127.0.0.1')
