/**
 * The policy group.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { podDisruptionBudgets } from './poddisruptionbudgets.ts'

export const policyDefinitions: readonly ResourceDefinition[] = [podDisruptionBudgets]
