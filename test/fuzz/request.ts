/**
 * Requests that no client library would send: raw bytes on a TLS socket, and plain HTTPS with any body.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import type { Running } from '../podpass.ts'

export interface Credentials {
  ca: Buffer
  cert: Buffer
  key: Buffer
}

export function adminOf(server: Running): Credentials {
  return {
    ca: readFileSync(server.file('ca.crt')),
    cert: readFileSync(server.file('admin.crt')),
    key: readFileSync(server.file('admin.key')),
  }
}

export function openSocket(server: Running, credentials: Partial<Credentials>): Promise<TLSSocket> {
  return new Promise((done, fail) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port: server.port, ...credentials }, () => done(socket))
    socket.once('error', fail)
  })
}

/** Writes bytes, reads until the server closes; resolves with all that came (`''` for a bare close). */
export async function sendRaw(server: Running, credentials: Partial<Credentials>, bytes: string | Uint8Array): Promise<string> {
  const socket = await openSocket(server, credentials)
  return new Promise((done) => {
    let text = ''
    socket.setEncoding('latin1').on('data', (part: string) => (text += part))
    // A server that has said what is wrong may reset what is still being sent.
    socket.on('error', () => {})
    socket.on('close', () => done(text))
    socket.write(bytes)
  })
}

export interface Answer {
  status: number
  type: string
  body: string
}

/** HTTPS with one pool of connections; resolves with `undefined` where the server closed instead of answering. */
export function sender(
  server: Running,
  credentials: Credentials,
): {
  send(method: string, path: string, headers: Record<string, string>, body?: string | Uint8Array): Promise<Answer | undefined>
  close(): void
} {
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ...credentials })
  return {
    close: () => agent.destroy(),
    send: (method, path, headers, body) =>
      new Promise((done) => {
        // Node announces no length for the body of a DELETE by itself: the bytes would be taken for the next request.
        const framed = body === undefined ? headers : { ...headers, 'content-length': String(Buffer.byteLength(body)) }
        const sent = request({ host: '127.0.0.1', port: server.port, method, path, headers: framed, agent }, (response) => {
          const parts: Buffer[] = []
          response.on('data', (part: Buffer) => parts.push(part))
          response.on('error', () => done(undefined))
          response.on('end', () =>
            done({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body: Buffer.concat(parts).toString() }),
          )
        })
        sent.on('error', () => done(undefined))
        sent.end(body)
      }),
  }
}

/** Resident memory of the server's process. */
export function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
