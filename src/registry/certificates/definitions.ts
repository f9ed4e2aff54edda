/**
 * The certificates.k8s.io group.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { certificateSigningRequests } from './certificatesigningrequests.ts'

export const certificatesDefinitions: readonly ResourceDefinition[] = [certificateSigningRequests]
