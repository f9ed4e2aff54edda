/**
 * ServiceAccount: the identity of workloads.
 *
 * @see pkg/registry/core/serviceaccount/strategy.go
 * @module
 */
import { subdomainName } from '../../api/names.ts'
import type { ServiceAccount } from '../../api/types/core/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'

const ENFORCE_MOUNTABLE_SECRETS = 'kubernetes.io/enforce-mountable-secrets'

/** Tables had a count of secrets until 1.35. */
const LAST_MINOR_WITH_SECRETS = 34

export const serviceAccounts = define<ServiceAccount>({
  group: '',
  version: 'v1',
  resource: 'serviceaccounts',
  singular: 'serviceaccount',
  kind: 'ServiceAccount',
  namespaced: true,
  shortNames: ['sa'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.ServiceAccount',
  storage: { prefix: '/registry/serviceaccounts/' },
  strategy: {
    validateName: subdomainName,
    prepareForCreate: cutSecretsToNames,
    prepareForUpdate: cutSecretsToNames,
    warnings(account, old) {
      if (old?.metadata?.annotations?.[ENFORCE_MOUNTABLE_SECRETS] !== undefined) return []
      if (account.metadata?.annotations?.[ENFORCE_MOUNTABLE_SECRETS] === undefined) return []
      return [
        `metadata.annotations[${ENFORCE_MOUNTABLE_SECRETS}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
      ]
    },
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
  },
  table: {
    columns: ({ emulatedMinor }) =>
      emulatedMinor > LAST_MINOR_WITH_SECRETS
        ? [NAME_COLUMN, AGE_COLUMN]
        : [NAME_COLUMN, column('Secrets', 'doc:io.k8s.api.core.v1.ServiceAccount.secrets'), AGE_COLUMN],
    cells: (account, { nowMs, emulatedMinor }) =>
      emulatedMinor > LAST_MINOR_WITH_SECRETS
        ? [nameCell(account), ageCell(account, nowMs)]
        : [nameCell(account), account.secrets?.length ?? 0, ageCell(account, nowMs)],
  },
})

function cutSecretsToNames(account: ServiceAccount): void {
  if (account.secrets === undefined) return
  account.secrets = account.secrets.map(({ name }) => (name === undefined ? {} : { name }))
}
