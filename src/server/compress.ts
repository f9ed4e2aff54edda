/**
 * gzip for large answers, off the event loop.
 *
 * @see apiserver/pkg/endpoints/handlers/responsewriters/writers.go
 * @module
 */
import { constants, gzip } from 'node:zlib'

const THRESHOLD_BYTES = 128 * 1024

/** Undefined when the body goes out as it is. */
export function gzipLarge(body: Uint8Array, acceptEncoding: string): Promise<Uint8Array> | undefined {
  if (body.length <= THRESHOLD_BYTES || !acceptEncoding.includes('gzip')) return undefined
  return new Promise((resolve, reject) => {
    gzip(body, { level: constants.Z_BEST_SPEED }, (error, packed) => (error === null ? resolve(packed) : reject(error)))
  })
}
