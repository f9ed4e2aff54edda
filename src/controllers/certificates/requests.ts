/**
 * What the controllers of certificate signing requests share: conditions, and a queue that is patient with its failures.
 *
 * @see pkg/controller/certificates/certificate_controller.go
 * @module
 */
import { StatusError } from '../../api/status.ts'
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../../api/types/certificates/v1.ts'
import { type ControllerContext, closeWith, required } from '../controller.ts'
import { WorkQueue } from '../work-queue.ts'

export const ACCOUNT = 'certificate-controller'
export const CACHE = 'certificates.k8s.io/v1/certificatesigningrequests'
const FIRST_RETRY_MS = 200

export function requestPath(name: string, subresource?: string): string {
  const path = `/apis/certificates.k8s.io/v1/certificatesigningrequests/${encodeURIComponent(name)}`
  return subresource === undefined ? path : `${path}/${subresource}`
}

export function hasCondition({ status }: CertificateSigningRequest, type: 'Approved' | 'Denied' | 'Failed'): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true
}

export function isIssued({ status }: CertificateSigningRequest): boolean {
  return (status?.certificate ?? '') !== ''
}

export function withCondition(
  request: CertificateSigningRequest,
  condition: CertificateSigningRequestCondition,
): CertificateSigningRequest {
  return { ...request, status: { ...request.status, conditions: [...(request.status?.conditions ?? []), condition] } }
}

/** Something to be looked at again later, and no mistake: nobody is told. */
export class NotYetError extends Error {
  override readonly name = 'NotYetError'
}

/** Calls `handle` for every request that has no certificate, whenever it changes; again later when that throws. */
export function followRequests(
  context: ControllerContext,
  signal: AbortSignal,
  concurrency: number,
  handle: (request: CertificateSigningRequest) => Promise<void>,
): void {
  const requests = required(context, CACHE)
  const queue = new WorkQueue({
    clock: context.clock,
    concurrency,
    firstRetryMs: FIRST_RETRY_MS,
    async reconcile(name) {
      const request = requests.get(name)?.object as CertificateSigningRequest | undefined
      if (request !== undefined && !isIssued(request)) await handle(request)
    },
    onError: (request, err, failures) => {
      const expected = err instanceof NotYetError || (err instanceof StatusError && err.reason === 'Conflict')
      context.log[expected ? 'debug' : 'warn']({ request, err, failures }, 'certificate signing request not handled')
    },
  })
  const following = requests.follow(({ type, object }) => {
    if (type !== 'DELETED') queue.add(object.key)
  })
  closeWith(signal, following, queue)
}
