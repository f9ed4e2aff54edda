/**
 * The flowcontrol.apiserver.k8s.io group.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { flowSchemas } from './flowschemas.ts'
import { priorityLevelConfigurations } from './prioritylevelconfigurations.ts'

export const flowcontrolDefinitions: readonly ResourceDefinition[] = [flowSchemas, priorityLevelConfigurations]
