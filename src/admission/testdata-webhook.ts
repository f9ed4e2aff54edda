/**
 * A webhook over HTTPS, for tests: it answers what the test says, and remembers what it was asked.
 *
 * @module
 */

import type { ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { systemClock } from '../clock.ts'
import { createAuthority, issueServer } from '../pki/ensure.ts'

export interface Asked {
  path: string
  review: any
  /** Connections so far. */
  connections: number
}

/** A response without its uid, or a function that writes the answer itself. */
export type Answer = Record<string, unknown> | ((response: ServerResponse, review: any) => void)

export interface TestWebhook {
  url: string
  port: number
  /** Base64, as configurations hold it. */
  caBundle: string
  asked: Asked[]
  close(): Promise<void>
}

export async function testWebhook(
  answer: (request: any, asked: Asked) => Answer,
  names: readonly string[] = ['127.0.0.1'],
): Promise<TestWebhook> {
  const authority = createAuthority('webhooks', systemClock.nowMs())
  const { certificate, key } = issueServer(authority, [...names], systemClock.nowMs())
  const asked: Asked[] = []
  const sockets = new Set<Duplex>()
  let connections = 0
  const server: Server = createServer({ cert: certificate, key }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString())
      const one: Asked = { path: request.url ?? '', review, connections }
      asked.push(one)
      const said = answer(review.request, one)
      if (typeof said === 'function') return said(response, review)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ kind: review.kind, apiVersion: review.apiVersion, response: { uid: review.request.uid, ...said } }))
    })
  })
  server.on('connection', (socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  return {
    url: `https://127.0.0.1:${port}/admit`,
    port,
    caBundle: Buffer.from(authority.certificate).toString('base64'),
    asked,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** A `patch` member. */
export function patchOf(...operations: object[]): { patch: string; patchType: string } {
  return { patch: Buffer.from(JSON.stringify(operations)).toString('base64'), patchType: 'JSONPatch' }
}
