/**
 * The networking.k8s.io group.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { ingressClasses } from './ingressclasses.ts'
import { ingresses } from './ingresses.ts'
import { networkPolicies } from './networkpolicies.ts'
import { ipAddresses, serviceCIDRs } from './service-addresses.ts'

export const networkingDefinitions: readonly ResourceDefinition[] = [ingressClasses, ingresses, ipAddresses, networkPolicies, serviceCIDRs]
