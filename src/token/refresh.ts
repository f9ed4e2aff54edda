/**
 * When the node agent replaces a projected service account token.
 *
 * Pure: the caller brings the times and the jitter, so the schedule is tested without waiting.
 *
 * @see KEP-1205, "TokenRequestProjection"; pkg/kubelet/token/token_manager.go
 * @module
 */

/** Replaced after a day even when valid for longer, as the kubelet does. */
const MAX_AGE_SECONDS = 24 * 60 * 60

/** The kubelet draws the jitter below this. */
export const MAX_JITTER_SECONDS = 10

export interface TokenLifetime {
  /** `status.expirationTimestamp`, in seconds since the epoch. Not the `exp` claim: the server may extend that one. */
  expiresAtSeconds: number
  /** `spec.expirationSeconds` of the answer. */
  expirationSeconds: number
}

/**
 * The instant after which a token is due: at 80% of its life, or after a day if that is sooner.
 *
 * @param jitterSeconds 0 to 9, drawn by the caller; keeps the nodes from asking all at once.
 */
export function refreshAtSeconds(token: TokenLifetime, jitterSeconds: number): number {
  const { expiresAtSeconds, expirationSeconds } = token
  const dayOldSeconds = expiresAtSeconds - expirationSeconds + MAX_AGE_SECONDS
  const marginSeconds = Math.floor((expirationSeconds * 20) / 100)
  return Math.min(dayOldSeconds, expiresAtSeconds - marginSeconds) - jitterSeconds
}

/** Whether a token that could not be replaced may still be handed out. */
export function stillUsable(token: TokenLifetime, nowSeconds: number): boolean {
  return nowSeconds <= token.expiresAtSeconds
}
