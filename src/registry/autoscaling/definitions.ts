/**
 * The autoscaling group; v2 is preferred.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { autoscalersV1, autoscalersV2 } from './horizontalpodautoscalers.ts'

export const autoscalingDefinitions: readonly ResourceDefinition[] = [autoscalersV2, autoscalersV1]
