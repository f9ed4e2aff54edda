/**
 * `componentstatuses`: whether the parts of the control plane are well, asked anew at every request. Deprecated since 1.19.
 *
 * @see pkg/registry/core/componentstatus/rest.go
 * @module
 */
import type { KubeObject } from '../../api/object.ts'
import { notFound } from '../../api/status.ts'
import type { ComponentCondition, ComponentStatus } from '../../api/types/core/v1.ts'
import { define, type ResourceDefinition } from '../resource.ts'
import { column, NAME_COLUMN } from '../table-cells.ts'

/** What asking a part came to: `Unknown` when it could not be asked. */
export type ComponentHealth = Pick<ComponentCondition, 'status' | 'message' | 'error'>

/** By name. None ever throws. */
export type ComponentChecks = Readonly<Record<string, () => Promise<ComponentHealth>>>

export function componentStatuses(checks: ComponentChecks): ResourceDefinition {
  const statusOf = async (name: string, check: () => Promise<ComponentHealth>): Promise<KubeObject> => ({
    kind: 'ComponentStatus',
    apiVersion: 'v1',
    metadata: { name },
    conditions: [{ type: 'Healthy', ...(await check()) }],
  })
  return define<ComponentStatus & KubeObject>({
    group: '',
    version: 'v1',
    resource: 'componentstatuses',
    singular: 'componentstatus',
    kind: 'ComponentStatus',
    namespaced: false,
    shortNames: ['cs'],
    verbs: ['get', 'list'],
    schema: 'io.k8s.api.core.v1.ComponentStatus',
    strategy: { validateName: () => [] },
    deprecated: 'v1 ComponentStatus is deprecated in v1.19+',
    collection: {
      get({ name }) {
        const check = Object.hasOwn(checks, name) ? checks[name] : undefined
        // In the singular, as upstream has it.
        if (check === undefined) throw notFound({ group: '', resource: 'componentstatus' }, name)
        return statusOf(name, check)
      },
      list: () => Promise.all(Object.entries(checks).map(([name, check]) => statusOf(name, check))),
    },
    table: {
      columns: () => [
        NAME_COLUMN,
        column('Status', 'Status of the component conditions'),
        column('Message', 'Message of the component conditions'),
        column('Error', 'Error of the component conditions'),
      ],
      cells: ({ metadata, conditions = [] }) => {
        const healthy = conditions.find(({ type }) => type === 'Healthy')
        const status = healthy === undefined ? 'Unknown' : healthy.status === 'True' ? 'Healthy' : 'Unhealthy'
        return [metadata?.name ?? '', status, healthy?.message ?? '', healthy?.error ?? '']
      },
    },
  })
}
