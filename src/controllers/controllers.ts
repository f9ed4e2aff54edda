/**
 * All controllers, and which of them run.
 *
 * @module
 */
import { bootstrapSigner } from './bootstrap/signer.ts'
import { tokenCleaner } from './bootstrap/token-cleaner.ts'
import { requestApprover } from './certificates/approver.ts'
import { requestCleaner } from './certificates/cleaner.ts'
import { requestSigner } from './certificates/signer.ts'
import { clusterRoleAggregation } from './clusterrole-aggregation.ts'
import type { Controller, ControllerContext } from './controller.ts'
import { garbageCollector } from './garbage-collector/collector.ts'
import { namespaceController } from './namespaces/controller.ts'
import { rootCAController } from './namespaces/rootca.ts'
import { serviceAccountController } from './serviceaccounts/default-account.ts'
import { legacyTokenCleaner } from './serviceaccounts/legacy-token-cleaner.ts'
import { legacyTokenTracking } from './serviceaccounts/legacy-token-tracking.ts'
import { tokensController } from './serviceaccounts/tokens.ts'

/** kube-controller-manager's, under its names. */
export const controllers: readonly Controller[] = [
  tokensController,
  serviceAccountController,
  rootCAController,
  namespaceController,
  garbageCollector,
  clusterRoleAggregation,
  legacyTokenCleaner,
  requestApprover,
  requestSigner,
  requestCleaner,
  bootstrapSigner,
  tokenCleaner,
]

/** kube-apiserver's own: they run in every server, whatever is selected. */
export const serverLoops: readonly Controller[] = [legacyTokenTracking]

/** Starts the server's own loops and those controllers that `selected` names; they stop with the signal. */
export async function startControllers(
  context: ControllerContext,
  selected: (name: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const chosen = [...serverLoops, ...controllers.filter(({ name }) => selected(name))]
  await Promise.all(chosen.map((controller) => controller.start(context, signal)))
}
