/**
 * All controllers, and which of them run.
 *
 * @module
 */
import type { Controller, ControllerContext } from './controller.ts'
import { namespaceController } from './namespaces.ts'
import { rootCAController } from './rootca.ts'
import { serviceAccountController } from './serviceaccounts.ts'

export const controllers: readonly Controller[] = [namespaceController, serviceAccountController, rootCAController]

/** Starts those that `selected` names; they stop with the signal. */
export async function startControllers(context: ControllerContext, selected: (name: string) => boolean, signal: AbortSignal): Promise<void> {
  await Promise.all(controllers.filter(({ name }) => selected(name)).map((controller) => controller.start(context, signal)))
}
