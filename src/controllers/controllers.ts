/**
 * All controllers, and which of them run.
 *
 * @module
 */
import { hostname } from 'node:os'
import { systemClock } from '../clock.ts'
import { bootstrapSigner } from './bootstrap/signer.ts'
import { tokenCleaner } from './bootstrap/token-cleaner.ts'
import { requestApprover } from './certificates/approver.ts'
import { requestCleaner } from './certificates/cleaner.ts'
import { requestSigner } from './certificates/signer.ts'
import { clusterRoleAggregation } from './clusterrole-aggregation.ts'
import { type Controller, type ControllerContext, managerClient, required } from './controller.ts'
import { garbageCollector } from './garbage-collector/collector.ts'
import { leadByLease } from './leader.ts'
import { namespaceController } from './namespaces/controller.ts'
import { rootCAController } from './namespaces/rootca.ts'
import { policyStatus } from './policy-status.ts'
import { resourceQuotaController } from './resourcequotas.ts'
import { serviceAccountController } from './serviceaccounts/default-account.ts'
import { legacyTokenCleaner } from './serviceaccounts/legacy-token-cleaner.ts'
import { legacyTokenTracking } from './serviceaccounts/legacy-token-tracking.ts'
import { legacyTokens } from './serviceaccounts/legacy-tokens.ts'
import { tokensController } from './serviceaccounts/tokens.ts'
import { attributesClassProtection, claimProtection, volumeProtection } from './volume-protection.ts'

/** kube-controller-manager's, under its names. */
export const controllers: readonly Controller[] = [
  { name: tokensController.name, start: startTokens },
  serviceAccountController,
  rootCAController,
  namespaceController,
  garbageCollector,
  clusterRoleAggregation,
  policyStatus,
  legacyTokenCleaner,
  requestApprover,
  requestSigner,
  requestCleaner,
  bootstrapSigner,
  tokenCleaner,
  resourceQuotaController,
  claimProtection,
  volumeProtection,
  attributesClassProtection,
]

/** kube-apiserver's own: they run in every server, whatever is selected. */
export const serverLoops: readonly Controller[] = [legacyTokenTracking]

/**
 * Starts the server's own loops and those controllers that `selected` names; they stop with the signal. On a shared store the controllers
 * wait until this server leads.
 */
export async function startControllers(
  context: ControllerContext,
  selected: (name: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const chosen = controllers.filter(({ name }) => selected(name))
  await startAll(serverLoops, context, signal)
  if (context.config.sharedStore !== true) return startAll(chosen, context, signal)
  if (chosen.length === 0) return
  const { clock, random, log } = context
  const deps = {
    client: managerClient(context),
    leases: required(context, 'coordination.k8s.io/v1/leases'),
    identity: `${hostname()}_${context.newUid()}`,
    clock,
    waitingClock: systemClock,
    monotonicMs: () => performance.now(),
    random,
    log,
  }
  leadByLease(deps, (leading) => startAll(chosen, context, leading), signal)
}

/** One controller of upstream's, whose second half is only there when it is asked for. */
async function startTokens(context: ControllerContext, signal: AbortSignal): Promise<void> {
  await startAll([tokensController, legacyTokens], context, signal)
}

async function startAll(chosen: readonly Controller[], context: ControllerContext, signal: AbortSignal): Promise<void> {
  await Promise.all(chosen.map((controller) => controller.start(context, signal)))
}
