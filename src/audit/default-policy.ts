/**
 * A policy for those who have none of their own: tokens asked for and reviewed, and every change of who may do what.
 *
 * @module
 */
import type { Policy } from './policy.ts'

const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection']

export const DEFAULT_POLICY: Policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  omitManagedFields: true,
  rules: [
    { level: 'Metadata', verbs: ['create'], resources: [{ group: '', resources: ['serviceaccounts/token'] }] },
    { level: 'Metadata', verbs: ['create'], resources: [{ group: 'authentication.k8s.io', resources: ['tokenreviews'] }] },
    { level: 'RequestResponse', verbs: WRITES, resources: [{ group: 'rbac.authorization.k8s.io' }] },
    { level: 'Metadata', verbs: WRITES, resources: [{ group: '', resources: ['serviceaccounts', 'secrets'] }] },
    { level: 'None' },
  ],
}
