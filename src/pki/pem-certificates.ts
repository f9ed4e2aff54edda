/**
 * PEM bundles in configuration files.
 *
 * @see client-go/util/cert/pem.go, ParseCertsPEM
 * @module
 */
import { X509Certificate } from 'node:crypto'

/** Why there is no certificate to trust in it; undefined when there is one. */
export function pemCertificatesProblem(text: string): string | undefined {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  for (const block of blocks) {
    try {
      new X509Certificate(block)
    } catch {
      return 'x509: malformed certificate'
    }
  }
  return blocks.length === 0 ? 'data does not contain any valid RSA or ECDSA certificates' : undefined
}
