/**
 * Who may approve, sign and attest for a signer: by its name, or by everything of its domain.
 *
 * @see pkg/certauthorization/certauthorization.go
 * @module
 */
import type { UserInfo } from '../authentication/user.ts'
import type { Attributes, Authorizer } from './authorizer.ts'

export type SignerVerb = 'approve' | 'sign' | 'attest'

export async function mayActForSigner(authorizer: Authorizer, user: UserInfo, verb: SignerVerb, signerName: string): Promise<boolean> {
  const domain = signerName.split('/', 1)[0] ?? ''
  for (const name of [signerName, `${domain}/*`]) {
    const { decision } = await authorizer.authorize(signerAttributes(user, verb, name))
    if (decision === 'allow') return true
  }
  return false
}

function signerAttributes(user: UserInfo, verb: string, name: string): Attributes {
  return {
    user,
    verb,
    isResource: true,
    apiGroup: 'certificates.k8s.io',
    apiVersion: '*',
    resource: 'signers',
    subresource: '',
    namespace: '',
    name,
    path: '',
  }
}
