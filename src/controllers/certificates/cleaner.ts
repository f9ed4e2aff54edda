/**
 * `certificatesigningrequest-cleaner-controller`: removes requests that are over and done with.
 *
 * Instead of looking at all of them every hour, each comes at its own time.
 *
 * @see pkg/controller/certificates/cleaner/cleaner.go
 * @module
 */
import { isStatusError } from '../../api/status.ts'
import type { CertificateSigningRequest } from '../../api/types/certificates/v1.ts'
import { parseCertificates } from '../../pki/certificate.ts'
import { type Controller, clientOf, closeWith, required } from '../controller.ts'
import { WorkQueue } from '../work-queue.ts'
import { ACCOUNT, CACHE, isIssued, requestPath } from './requests.ts'

const HOUR_MS = 60 * 60_000
/** Issued, denied and failed ones are kept for so long. */
const DONE_MS = HOUR_MS
/** Those that wait for approval or for a signer. */
const WAITING_MS = 24 * HOUR_MS

/** From when on a request is to be removed: the earliest of its reasons. */
export function endMs(request: CertificateSigningRequest): number {
  const { metadata, status } = request
  const conditions = status?.conditions ?? []
  const ends = conditions.flatMap(({ type, lastUpdateTime }) => {
    const since = lastUpdateTime === undefined ? Number.NaN : Date.parse(lastUpdateTime)
    switch (type) {
      case 'Denied':
      case 'Failed':
        return [since + DONE_MS]
      case 'Approved':
        return isIssued(request) ? [since + DONE_MS, certificateEndMs(request)] : [since + WAITING_MS]
      default:
        return []
    }
  })
  if (conditions.length === 0) ends.push(Date.parse(metadata?.creationTimestamp ?? '') + WAITING_MS)
  return Math.min(...ends.filter((end) => !Number.isNaN(end)))
}

function certificateEndMs({ status }: CertificateSigningRequest): number {
  try {
    return parseCertificates(Buffer.from(status?.certificate ?? '', 'base64').toString())[0]?.notAfterMs ?? Number.NaN
  } catch {
    // What another signer wrote need not be readable here.
    return Number.NaN
  }
}

export const requestCleaner: Controller = {
  name: 'certificatesigningrequest-cleaner-controller',
  async start(context, signal) {
    const { clock, log } = context
    const client = clientOf(context, ACCOUNT)
    const requests = required(context, CACHE)
    const queue = new WorkQueue({
      clock,
      concurrency: 1,
      async reconcile(name) {
        const request = requests.get(name)?.object as CertificateSigningRequest | undefined
        if (request === undefined) return
        const waitMs = endMs(request) - clock.nowMs()
        if (waitMs === Number.POSITIVE_INFINITY) return
        // After its end, not at it.
        if (waitMs >= 0) return queue.addAfter(name, waitMs + 1)
        try {
          await client.call({ method: 'DELETE', path: requestPath(name) })
        } catch (error) {
          if (!isStatusError(error, 'NotFound')) throw error
        }
      },
      onError: (request, err, failures) => log.warn({ request, err, failures }, 'certificate signing request not removed'),
    })
    const following = requests.follow(({ type, object }) => {
      if (type !== 'DELETED') queue.add(object.key)
    })
    closeWith(signal, following, queue)
  },
}
