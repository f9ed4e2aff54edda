/**
 * The resources of the group batch.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'

export const batchDefinitions: readonly ResourceDefinition[] = []
