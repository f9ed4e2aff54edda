/**
 * `certificatesigningrequest-signing-controller`: signs what was approved, by the rules of the signer asked for.
 *
 * @see pkg/controller/certificates/signer/signer.go
 * @module
 */
import { randomBytes } from 'node:crypto'
import { rfc3339 } from '../../clock.ts'
import { parseSigningRequest, SIGNERS, signerProblem, signRequest } from '../../pki/signing-request.ts'
import { type Controller, clientOf, concurrencyOf } from '../controller.ts'
import { ACCOUNT, followRequests, hasCondition, requestPath, withCondition } from './requests.ts'

const NAME = 'certificatesigningrequest-signing-controller'

/** Without a signing certificate nothing is signed. */
export const requestSigner: Controller = {
  name: NAME,
  async start(context, signal) {
    const { clock, config } = context
    const authority = config.clusterSigning
    if (authority === undefined) return
    const client = clientOf(context, ACCOUNT)
    followRequests(context, signal, concurrencyOf(context, NAME, 5), async (request) => {
      const { signerName = '', usages = [], expirationSeconds, request: encoded = '' } = request.spec ?? {}
      if (!hasCondition(request, 'Approved') || hasCondition(request, 'Failed') || !SIGNERS.includes(signerName)) return
      const parsed = parseSigningRequest(Buffer.from(encoded, 'base64').toString())
      const path = requestPath(request.metadata?.name ?? '', 'status')
      const message = signerProblem(signerName, parsed, usages)
      const nowMs = clock.nowMs()
      if (message !== undefined) {
        const lastUpdateTime = rfc3339(nowMs)
        const failed = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message, lastUpdateTime }
        await client.call({ method: 'PUT', path, body: withCondition(request, failed) })
        return
      }
      const certificate = signRequest(parsed, {
        authority,
        usages,
        expirationSeconds,
        maxSeconds: config.clusterSigningDurationSeconds,
        nowMs,
        serial: randomBytes(16),
      })
      const status = { ...request.status, certificate: Buffer.from(certificate).toString('base64') }
      await client.call({ method: 'PUT', path, body: { ...request, status } })
    })
  },
}
