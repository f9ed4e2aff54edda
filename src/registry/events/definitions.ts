/**
 * The events.k8s.io group.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { events } from './events.ts'

export const eventsDefinitions: readonly ResourceDefinition[] = [events]
