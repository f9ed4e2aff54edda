/**
 * Documents over HTTPS, from servers that are not trusted to be quick or brief.
 *
 * @module
 */
import { request } from 'node:https'
import type { FetchJson } from './remote-keys.ts'

const MAX_BYTES = 1024 * 1024
/** Of real time: a network is waited for, whatever the API's clock says. */
const TIMEOUT_MS = 30_000

/** GETs a document; rejects for anything but a 200 of a decent size. */
export type FetchDocument = (url: string, headers?: Readonly<Record<string, string>>) => Promise<Buffer>

/** @param ca PEM of the authorities that vouch for the server; undefined: the platform's. */
export function httpsDocument(ca: string | undefined): FetchDocument {
  return (url, headers) =>
    new Promise((resolve, reject) => {
      const sent = request(
        url,
        { ...(ca !== undefined && { ca }), ...(headers !== undefined && { headers }), signal: AbortSignal.timeout(TIMEOUT_MS) },
        (response) => {
          const chunks: Buffer[] = []
          let size = 0
          response.on('data', (chunk: Buffer) => {
            size += chunk.length
            if (size > MAX_BYTES) sent.destroy(new RangeError(`${url} answers more than ${MAX_BYTES} bytes`))
            else chunks.push(chunk)
          })
          response.on('error', reject)
          response.on('end', () => {
            if (response.statusCode === 200) resolve(Buffer.concat(chunks))
            else reject(new Error(`${url} answers ${response.statusCode}`))
          })
        },
      )
      sent.on('error', reject)
      sent.end()
    })
}

/** @param ca as above */
export function httpsJson(ca: string | undefined): FetchJson {
  const fetchDocument = httpsDocument(ca)
  return async (url, seen) => {
    const bytes = await fetchDocument(url, { accept: 'application/json' })
    let document: unknown
    try {
      document = JSON.parse(bytes.toString('utf8'))
    } catch (cause) {
      throw new TypeError(`${url} answers no JSON`, { cause })
    }
    seen?.(bytes)
    return document
  }
}
