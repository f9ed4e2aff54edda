/**
 * The apiregistration.k8s.io group.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { apiServices } from './apiservices.ts'

export const apiregistrationDefinitions: readonly ResourceDefinition[] = [apiServices]
