/**
 * The group resource.k8s.io, in the order of discovery.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { deviceClasses } from './deviceclasses.ts'
import { resourceClaims, resourceClaimTemplates } from './resourceclaims.ts'
import { resourceSlices } from './resourceslices.ts'

export const resourceDefinitions: readonly ResourceDefinition[] = [deviceClasses, resourceClaims, resourceClaimTemplates, resourceSlices]
