/**
 * The resources of the group apps.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { deployments } from './deployments.ts'

export const appsDefinitions: readonly ResourceDefinition[] = [deployments]
