/**
 * Who may approve and sign certificate requests, attest trust bundles, and whom requests may be for.
 *
 * @see plugin/pkg/admission/certificates
 * @module
 */
import { semanticEqual } from '../api/semantic-equal.ts'
import { quote } from '../api/status.ts'
import type { CertificateSigningRequest } from '../api/types/certificates/v1.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { mayActForSigner, type SignerVerb } from '../authorization/signers.ts'
import { parseSigningRequest, type SigningRequest } from '../pki/signing-request.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'

const GROUP = 'certificates.k8s.io'
const API_SERVER_CLIENT = 'kubernetes.io/kube-apiserver-client'

function isRequest({ group, resource, subresource }: AdmissionRequest, wanted: string): boolean {
  return group === GROUP && resource === 'certificatesigningrequests' && subresource === wanted
}

async function mustActFor(
  authorizer: Authorizer,
  request: AdmissionRequest,
  verb: SignerVerb,
  signerName: string,
  refusal: string,
): Promise<void> {
  if (!(await mayActForSigner(authorizer, request.user, verb, signerName)))
    throw admissionForbidden(request, `${refusal} ${quote(signerName)}`)
}

/** `approve` on the signer, as the stored request names it: the new one could name another. */
export function certificateApproval(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    handles: (request) => request.operation === 'UPDATE' && isRequest(request, 'approval'),
    validate(request) {
      const signerName = (request.oldObject as CertificateSigningRequest).spec?.signerName ?? ''
      return mustActFor(authorizer, request, 'approve', signerName, 'user not permitted to approve requests with signerName')
    },
  }
}

/** `sign` on the signer, where the certificate or the conditions change. */
export function certificateSigning(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    handles: (request) => request.operation === 'UPDATE' && isRequest(request, 'status'),
    validate(request) {
      const old = request.oldObject as CertificateSigningRequest
      const { status } = request.object as CertificateSigningRequest
      const same =
        (old.status?.certificate ?? '') === (status?.certificate ?? '') && semanticEqual(old.status?.conditions, status?.conditions)
      if (same) return undefined
      return mustActFor(authorizer, request, 'sign', old.spec?.signerName ?? '', 'user not permitted to sign requests with signerName')
    },
  }
}

/** Nobody becomes a member of `system:masters` by a certificate for API server clients. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  handles: (request) => request.operation === 'CREATE' && isRequest(request, ''),
  validate(request) {
    const { spec } = request.object as CertificateSigningRequest
    if (spec?.signerName !== API_SERVER_CLIENT) return
    if (signingRequestOf(request, spec.request ?? '', 'failed to parse CSR').organizations.includes('system:masters')) {
      throw admissionForbidden(request, `use of ${API_SERVER_CLIENT} signer with system:masters group is not allowed`)
    }
  },
}

/** `attest` on the signer of a ClusterTrustBundle that has one. */
export function clusterTrustBundleAttest(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'ClusterTrustBundleAttest',
    handles: ({ operation, group, resource }) =>
      (operation === 'CREATE' || operation === 'UPDATE') && group === GROUP && resource === 'clustertrustbundles',
    validate(request) {
      const signerName: string = request.object?.['spec']?.signerName ?? ''
      if (signerName === '' || semanticEqual(request.object?.['spec'], request.oldObject?.['spec'])) return undefined
      return mustActFor(authorizer, request, 'attest', signerName, 'user not permitted to attest for signerName')
    },
  }
}

/** A request in base64; a 403 that says `refusal` when it is none. */
export function signingRequestOf(request: AdmissionRequest, base64: string, refusal: string): SigningRequest {
  try {
    return parseSigningRequest(Buffer.from(base64, 'base64').toString())
  } catch (error) {
    // Whatever the reader stumbled over: nobody gets further with such a request.
    throw admissionForbidden(request, `${refusal}: ${(error as Error).message}`)
  }
}
