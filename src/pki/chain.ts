/**
 * Whether a certificate comes from one of our authorities, for one usage, at one moment.
 *
 * @see RFC 5280 section 6; Go's crypto/x509 Certificate.Verify, whose verdict kube-apiserver goes by
 * @module
 */
import type { Certificate } from './certificate.ts'
import { OID } from './oids.ts'

export type ChainVerdict =
  /** The chain, leaf first, and the span in which all of it is valid. */
  { ok: true; chain: readonly Certificate[]; notBeforeMs: number; notAfterMs: number } | { ok: false; why: string }

/** SHA-1 and MD5 prove nothing. */
const TRUSTED_SIGNATURES: ReadonlySet<string> = new Set([
  OID.ecdsaWithSha256,
  OID.ecdsaWithSha384,
  OID.ecdsaWithSha512,
  OID.sha256WithRsa,
  OID.sha384WithRsa,
  OID.sha512WithRsa,
  OID.rsaPss,
  OID.ed25519,
])

/** Signatures looked at before giving up: a client sends the intermediates, so it could make the search long. */
const MAX_CHECKS = 100
const MAX_CHAIN = 10

export interface ChainInput {
  leaf: Certificate
  /** As the peer sent them: not trusted by themselves. */
  intermediates: readonly Certificate[]
  roots: readonly Certificate[]
  /** OID of the extended key usage that every certificate of the chain has to allow. */
  usage: string
  nowMs: number
}

export function verifyChain({ leaf, intermediates, roots, usage, nowMs }: ChainInput): ChainVerdict {
  const problem = unusable(leaf, usage, nowMs)
  if (problem !== undefined) return { ok: false, why: problem }
  if (roots.some((root) => root.der.equals(leaf.der)))
    return { ok: true, chain: [leaf], notBeforeMs: leaf.notBeforeMs, notAfterMs: leaf.notAfterMs }
  let checks = 0
  let why = 'x509: certificate signed by unknown authority'

  function extend(chain: readonly Certificate[]): readonly Certificate[] | undefined {
    const below = chain.at(-1)!
    for (const [candidates, isRoot] of [
      [roots, true],
      [intermediates, false],
    ] as const) {
      for (const candidate of candidates) {
        if (!candidate.subject.equals(below.issuer) || chain.includes(candidate) || ++checks > MAX_CHECKS) continue
        const refusal = authorityProblem(candidate, chain.length - 1) ?? unusable(candidate, usage, nowMs)
        if (refusal !== undefined || !TRUSTED_SIGNATURES.has(below.signatureAlgorithm) || !signedBy(below, candidate)) {
          why = refusal ?? why
          continue
        }
        const longer = [...chain, candidate]
        const found = isRoot ? longer : longer.length < MAX_CHAIN ? extend(longer) : undefined
        if (found !== undefined) return found
      }
    }
    return undefined
  }

  const chain = extend([leaf])
  if (chain === undefined) return { ok: false, why }
  return {
    ok: true,
    chain,
    notBeforeMs: Math.max(...chain.map((one) => one.notBeforeMs)),
    notAfterMs: Math.min(...chain.map((one) => one.notAfterMs)),
  }
}

function unusable(certificate: Certificate, usage: string, nowMs: number): string | undefined {
  if (nowMs < certificate.notBeforeMs || nowMs > certificate.notAfterMs) return 'x509: certificate has expired or is not yet valid'
  if (certificate.hasUnknownCritical) return 'x509: unhandled critical extension'
  const usages = certificate.extendedKeyUsages
  if (usages !== undefined && !usages.includes(usage) && !usages.includes(OID.anyExtendedKeyUsage))
    return 'x509: certificate specifies an incompatible key usage'
  return undefined
}

/** @param below how many authorities stand under it in the chain. */
function authorityProblem(certificate: Certificate, below: number): string | undefined {
  if (!certificate.isCA || !certificate.maySign) return 'x509: certificate is not authorized to sign other certificates'
  return certificate.pathLength !== undefined && below > certificate.pathLength
    ? 'x509: too many intermediates for path length constraint'
    : undefined
}

function signedBy(certificate: Certificate, authority: Certificate): boolean {
  try {
    return certificate.x509.verify(authority.x509.publicKey)
  } catch {
    return false
  }
}
