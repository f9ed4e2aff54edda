/**
 * The resources of the group batch, in the order of discovery.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { cronJobs } from './cronjobs.ts'
import { jobs } from './jobs.ts'

export const batchDefinitions: readonly ResourceDefinition[] = [cronJobs, jobs]
