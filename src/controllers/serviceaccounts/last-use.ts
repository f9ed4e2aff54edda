/**
 * Writes down, on a token's Secret, the day when it was last used: what the cleaner goes by.
 *
 * @see pkg/serviceaccount/legacy.go, patchSecretWithLastUsedDate
 * @module
 */
import type { ClientFactory } from '../../client/client.ts'

export interface LabelledSecret {
  namespace: string
  name: string
  uid: string
}

/** What authentication calls. `clients` is asked for at each call, as the server is made after its authentication; failures are told. */
export function secretLabeller(
  clients: () => ClientFactory,
  onError: (secret: LabelledSecret, error: unknown) => void,
): (secret: LabelledSecret, labels: Record<string, string>) => Promise<void> {
  return async (secret, labels) => {
    const { namespace, name, uid } = secret
    const client = clients().as({ username: 'system:apiserver', groups: ['system:masters'] }, 'kube-apiserver')
    const body = { kind: 'Secret', apiVersion: 'v1', metadata: { name, namespace, uid, labels } }
    const path = `/api/v1/namespaces/${namespace}/secrets/${name}`
    try {
      await client.call({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body })
    } catch (error) {
      onError(secret, error)
    }
  }
}
