/**
 * The scheduling.k8s.io group.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { priorityClasses } from './priorityclasses.ts'

export const schedulingDefinitions: readonly ResourceDefinition[] = [priorityClasses]
