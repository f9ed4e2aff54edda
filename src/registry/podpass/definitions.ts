/**
 * The group podpass.dev: what Kubernetes has no API for. It comes after all groups that Kubernetes has.
 *
 * @module
 */
import type { TurnableClock } from '../../clock.ts'
import type { TokenLedger } from '../../token/ledger.ts'
import type { ResourceDefinition } from '../resource.ts'
import { accessExplanations } from './access-explanations.ts'
import { clockAdvances } from './clock-advances.ts'
import { issuedTokens } from './issued-tokens.ts'
import { type SigningKeysDeps, signingKeyRotations, signingKeys } from './signing-keys.ts'
import { tokenRevocations } from './token-revocations.ts'

export interface PodpassDeps extends SigningKeysDeps {
  /** Absent: nobody keeps one. */
  ledger: TokenLedger | undefined
  /** Absent: time passes by itself. */
  turnableClock?: TurnableClock
}

export function podpassDefinitions(deps: PodpassDeps): ResourceDefinition[] {
  const ofLedger = deps.ledger === undefined ? [] : [issuedTokens(deps.ledger), tokenRevocations(deps.ledger)]
  const ofClock = deps.turnableClock === undefined ? [] : [clockAdvances(deps.turnableClock)]
  return [accessExplanations(), ...ofLedger, signingKeys(deps), signingKeyRotations(deps), ...ofClock]
}
