/**
 * `validatingadmissionpolicy-status-controller`: policies whose expressions do not fit the types of what they are for say so in their status.
 *
 * @see pkg/controller/validatingadmissionpolicystatus/controller.go
 * @module
 */
import { groupVersion } from '../api/object.ts'
import { builtinSchemas } from '../api/schemas.ts'
import type { ValidatingAdmissionPolicy } from '../api/types/admissionregistration/v1.ts'
import { type Controller, clientOf, closeWith, concurrencyOf, required } from './controller.ts'
import { WorkQueue } from './work-queue.ts'

const NAME = 'validatingadmissionpolicy-status-controller'
const FIELD_MANAGER = 'validatingadmissionpolicy-status'
const PATH = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies'

export const policyStatus: Controller = {
  name: NAME,
  async start(context, signal) {
    const client = clientOf(context, NAME)
    const policies = required(context, 'admissionregistration.k8s.io/v1/validatingadmissionpolicies')
    const queue = new WorkQueue({
      clock: context.clock,
      concurrency: concurrencyOf(context, NAME, 5),
      async reconcile(name) {
        const policy = policies.get(name)?.object as ValidatingAdmissionPolicy | undefined
        if (policy === undefined) return
        const generation = policy.metadata?.generation ?? 0
        if (generation <= (policy.status?.observedGeneration ?? 0)) return
        // The type checker is loaded by the first policy.
        const { expressionWarnings } = await import('../admission/policy-typechecking.ts')
        const warnings = await expressionWarnings(policy, {
          schemas: builtinSchemas,
          kindOf(group, version, resource) {
            const served = context.resources.preferred().find((one) => one.group === group && one.resource === resource)
            const found = served === undefined ? undefined : context.resources.byKind(groupVersion(group, version), served.kind)
            return found === undefined ? undefined : { group, version, kind: found.kind }
          },
          schemaOf: ({ group, version, kind }) => builtinSchemas.byKind(group, version, kind),
        })
        await client.call({
          method: 'PATCH',
          path: `${PATH}/${encodeURIComponent(name)}/status?fieldManager=${FIELD_MANAGER}&force=true`,
          contentType: 'application/apply-patch+yaml',
          body: {
            kind: 'ValidatingAdmissionPolicy',
            apiVersion: 'admissionregistration.k8s.io/v1',
            metadata: { name },
            status: {
              observedGeneration: generation,
              typeChecking: warnings.length === 0 ? {} : { expressionWarnings: warnings },
            },
          },
        })
      },
      onError: (policy, err, failures) => context.log.warn({ policy, err, failures }, 'expressions of a policy not checked'),
    })
    const following = policies.follow(({ type, object }) => {
      if (type !== 'DELETED') queue.add(object.key)
    })
    closeWith(signal, following, queue)
  },
}
