/**
 * Lease: who holds something, and until when.
 *
 * @see pkg/apis/coordination/validation/validation.go
 * @see pkg/registry/coordination/lease/strategy.go
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported } from '../../api/field.ts'
import { qualifiedNameErrors, subdomainName } from '../../api/names.ts'
import type { Lease } from '../../api/types/coordination/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { each } from '../validation.ts'

export const leases = define<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  singular: 'lease',
  kind: 'Lease',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.coordination.v1.Lease',
  storage: { prefix: '/registry/leases/' },
  strategy: {
    validateName: subdomainName,
    // Coordinated leader election is off by default.
    prepareForCreate(lease) {
      delete lease.spec?.strategy
      delete lease.spec?.preferredHolder
    },
    prepareForUpdate(lease, old) {
      if (old.spec?.strategy === undefined) delete lease.spec?.strategy
      if (old.spec?.preferredHolder === undefined) delete lease.spec?.preferredHolder
    },
    validate: validateLease,
    validateUpdate: validateLease,
    allowUnconditionalUpdate: false,
    allowCreateOnUpdate: true,
  },
  table: {
    columns: () => [NAME_COLUMN, column('Holder', 'doc:io.k8s.api.coordination.v1.LeaseSpec.holderIdentity'), AGE_COLUMN],
    cells: (lease, { nowMs }) => [nameCell(lease), lease.spec?.holderIdentity ?? '', ageCell(lease, nowMs)],
  },
})

function validateLease({ spec = {} }: Lease): FieldError[] {
  const errors: FieldError[] = []
  const { leaseDurationSeconds, leaseTransitions, strategy, preferredHolder } = spec
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    errors.push(invalidValue('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0'))
  }
  if (leaseTransitions !== undefined && leaseTransitions < 0) {
    errors.push(invalidValue('spec.leaseTransitions', leaseTransitions, 'must be greater than or equal to 0'))
  }
  if (strategy !== undefined) errors.push(...validateStrategy(strategy))
  if (preferredHolder && !strategy) errors.push(forbiddenField('spec.preferredHolder', 'may only be specified if `strategy` is defined'))
  return errors
}

function validateStrategy(strategy: string): FieldError[] {
  if (strategy.includes('/')) return each('spec.strategy.strategy', strategy, qualifiedNameErrors(strategy))
  return strategy === 'OldestEmulationVersion' ? [] : [notSupported('spec.strategy.strategy', strategy, ['OldestEmulationVersion'])]
}
