/**
 * `certificatesigningrequest-approving-controller`: approves client certificates of kubelets, where the requester may have one.
 *
 * @see pkg/controller/certificates/approver/sarapprove.go
 * @module
 */
import type { SubjectAccessReview } from '../../api/types/authorization/v1.ts'
import type { CertificateSigningRequest } from '../../api/types/certificates/v1.ts'
import { kubeletClientProblem, parseSigningRequest, type SigningRequest } from '../../pki/signing-request.ts'
import { type Controller, clientOf, concurrencyOf } from '../controller.ts'
import { ACCOUNT, followRequests, hasCondition, NotYetError, requestPath, withCondition } from './requests.ts'

const NAME = 'certificatesigningrequest-approving-controller'
const SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet'

interface Recognized {
  /** What the requester must be allowed to create. */
  subresource: 'selfnodeclient' | 'nodeclient'
  message: string
}

/** The rights that would do for this request, in the order in which they are asked for. */
export function recognizedAs({ spec }: CertificateSigningRequest, request: SigningRequest): Recognized[] {
  if (spec?.signerName !== SIGNER || kubeletClientProblem(request, spec.usages ?? []) !== undefined) return []
  const node: Recognized = {
    subresource: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
  }
  if (spec.username !== request.commonName) return [node]
  return [{ subresource: 'selfnodeclient', message: 'Auto approving self kubelet client certificate after SubjectAccessReview.' }, node]
}

export const requestApprover: Controller = {
  name: NAME,
  async start(context, signal) {
    const client = clientOf(context, ACCOUNT)

    const mayCreate = async ({ spec }: CertificateSigningRequest, subresource: string): Promise<boolean> => {
      const { username: user, uid, groups, extra } = spec ?? {}
      const resourceAttributes = {
        group: 'certificates.k8s.io',
        resource: 'certificatesigningrequests',
        verb: 'create',
        subresource,
        version: '*',
      }
      const review = await client.call<SubjectAccessReview>({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        body: {
          kind: 'SubjectAccessReview',
          apiVersion: 'authorization.k8s.io/v1',
          spec: { user, uid, groups, extra, resourceAttributes },
        },
      })
      return review.status?.allowed === true
    }
    followRequests(context, signal, concurrencyOf(context, NAME, 5), async (request) => {
      if (hasCondition(request, 'Approved') || hasCondition(request, 'Denied')) return
      const ways = recognizedAs(request, parseSigningRequest(Buffer.from(request.spec?.request ?? '', 'base64').toString()))
      for (const { subresource, message } of ways) {
        if (!(await mayCreate(request, subresource))) continue
        const body = withCondition(request, { type: 'Approved', status: 'True', reason: 'AutoApproved', message })
        await client.call({ method: 'PUT', path: requestPath(request.metadata?.name ?? '', 'approval'), body })
        return
      }
      // Whoever asks may be given the right later.
      if (ways.length > 0) throw new NotYetError('the requester may not have it approved')
    })
  },
}
