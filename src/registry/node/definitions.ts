/**
 * The node.k8s.io group.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { runtimeClasses } from './runtimeclasses.ts'

export const nodeDefinitions: readonly ResourceDefinition[] = [runtimeClasses]
