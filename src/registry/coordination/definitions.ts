/**
 * The coordination.k8s.io group.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { leases } from './leases.ts'

export const coordinationDefinitions: readonly ResourceDefinition[] = [leases]
