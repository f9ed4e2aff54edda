/**
 * Requests over TLS to a test server with whatever headers, and what its metrics say.
 *
 * @module
 */
import https from 'node:https'
import type { TestServer } from '../controllers/testdata/server.ts'

export interface Result {
  status: number
  /** Parsed where it is JSON. */
  body: unknown
}

export interface Certificate {
  certificate: string
  key: string
}

/** `headers` as a list of names and values keeps their case and repeats them. */
export function resultOf(
  { server, authority }: Pick<TestServer, 'server' | 'authority'>,
  path: string,
  headers: Readonly<Record<string, string>> | readonly string[] = {},
  { client, body }: { client?: Certificate; body?: string } = {},
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      `${server.url}${path}`,
      {
        ca: authority.certificate,
        agent: false,
        method: body === undefined ? 'GET' : 'POST',
        headers: headers as Record<string, string>,
        ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const isJson = /^application\/json/.test(response.headers['content-type'] ?? '')
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text })
        })
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

/** The figure of the first line that begins so. */
export async function metric({ admin }: TestServer, line: string | RegExp): Promise<number | undefined> {
  const { body } = await admin.request({ method: 'GET', path: '/metrics' })
  const found = String(body)
    .split('\n')
    .find((one) => (typeof line === 'string' ? one.startsWith(line) : line.test(one)))
  return found === undefined ? undefined : Number(found.slice(found.lastIndexOf(' ') + 1))
}
