/**
 * The discovery.k8s.io group.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { endpointSlices } from './endpointslices.ts'

export const discoveryDefinitions: readonly ResourceDefinition[] = [endpointSlices]
