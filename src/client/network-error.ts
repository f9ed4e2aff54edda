/**
 * Errors of networks in the words of Go, which end up in answers and logs.
 *
 * @module
 */
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'

export interface Address {
  host: string
  port: number
}

const UNKNOWN_AUTHORITY: ReadonlySet<string | undefined> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])

/** What Go's net and tls packages say of an error of Node's. */
export function networkErrorText(
  error: Error & { code?: string | undefined; cert?: { subjectaltname?: string } },
  { host, port }: Address,
  socket: TLSSocket | null,
): string {
  const { code, message } = error
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`
  if (code === 'ECONNREFUSED') return `dial tcp ${at}: connect: connection refused`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${host}: no such host`
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return `dial tcp ${at}: connect: no route to host`
  if (code === 'ECONNRESET') return message === 'socket hang up' ? 'EOF' : `read tcp ${at}: read: connection reset by peer`
  if (code === 'EPROTO' && /wrong version number|packet length/.test(message)) return 'http: server gave HTTP response to HTTPS client'
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid'
  if (UNKNOWN_AUTHORITY.has(code)) return 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `tls: failed to verify certificate: x509: ${wrongName(host, error.cert?.subjectaltname ?? '', socket)}`
  return message
}

function wrongName(host: string, altNames: string, socket: TLSSocket | null): string {
  const wanted = typeof socket?.servername === 'string' ? socket.servername : host
  const kind = isIP(wanted) === 0 ? 'DNS:' : 'IP Address:'
  const names = altNames.split(', ').flatMap((name) => (name.startsWith(kind) ? [name.slice(kind.length)] : []))
  if (isIP(wanted) !== 0 && names.length === 0) return `cannot validate certificate for ${wanted} because it doesn't contain any IP SANs`
  return names.length === 0
    ? `certificate is not valid for any names, but wanted to match ${wanted}`
    : `certificate is valid for ${names.join(', ')}, not ${wanted}`
}
