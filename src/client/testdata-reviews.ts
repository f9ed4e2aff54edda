/**
 * A server over HTTPS that judges reviews as a test says, and remembers what it was asked; with the kubeconfig that leads to it.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { systemClock } from '../clock.ts'
import { createAuthority, issueServer } from '../pki/ensure.ts'

export interface AskedReview {
  path: string
  headers: IncomingHttpHeaders
  review: any
}

/** A `status`, or a function that writes the answer itself. */
export type ReviewAnswer = Record<string, unknown> | ((response: ServerResponse, review: any) => void)

export interface ReviewServer {
  url: string
  ca: string
  /** A file. */
  kubeconfig: string
  asked: AskedReview[]
  /** From now on. */
  answer(say: (review: any) => ReviewAnswer): void
  close(): Promise<void>
}

export async function reviewServer(say: (review: any) => ReviewAnswer): Promise<ReviewServer> {
  const authority = createAuthority('reviews', systemClock.nowMs())
  const { certificate, key } = issueServer(authority, ['127.0.0.1'], systemClock.nowMs())
  const folder = mkdtempSync(join(tmpdir(), 'podpass-reviews-'))
  const asked: AskedReview[] = []
  const sockets = new Set<Duplex>()
  let current = say
  const server = createServer({ cert: certificate, key }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString())
      asked.push({ path: request.url ?? '', headers: request.headers, review })
      const said = current(review)
      if (typeof said === 'function') return said(response, review)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ kind: review.kind, apiVersion: review.apiVersion, status: said }))
    })
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  const url = `https://127.0.0.1:${port}/judge`
  const kubeconfig = join(folder, 'kubeconfig')
  const ca = Buffer.from(authority.certificate).toString('base64')
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'judge', cluster: { server: url, 'certificate-authority-data': ca } }],
      users: [{ name: 'server', user: { token: 'for-the-judge' } }],
      contexts: [{ name: 'webhook', context: { cluster: 'judge', user: 'server' } }],
      'current-context': 'webhook',
    }),
  )
  return {
    url,
    ca: authority.certificate,
    kubeconfig,
    asked,
    answer(next) {
      current = next
    },
    close() {
      rmSync(folder, { recursive: true, force: true })
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
