/**
 * JSON documents over HTTPS, from servers that are not trusted to be quick or brief.
 *
 * @module
 */
import { request } from 'node:https'
import type { FetchJson } from './remote-keys.ts'

const MAX_BYTES = 1024 * 1024
/** Of real time: a network is waited for, whatever the API's clock says. */
const TIMEOUT_MS = 30_000

/** @param ca PEM of the authorities that vouch for the server; undefined: the platform's. */
export function httpsJson(ca: string | undefined): FetchJson {
  return (url, seen) =>
    new Promise((resolve, reject) => {
      const sent = request(
        url,
        { ...(ca !== undefined && { ca }), headers: { accept: 'application/json' }, signal: AbortSignal.timeout(TIMEOUT_MS) },
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
            if (response.statusCode !== 200) return reject(new Error(`${url} answers ${response.statusCode}`))
            const bytes = Buffer.concat(chunks)
            try {
              resolve(JSON.parse(bytes.toString('utf8')))
              seen?.(bytes)
            } catch (cause) {
              reject(new TypeError(`${url} answers no JSON`, { cause }))
            }
          })
        },
      )
      sent.on('error', reject)
      sent.end()
    })
}
