/**
 * The resources of the group apps, in the order of discovery.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { controllerRevisions } from './controllerrevisions.ts'
import { daemonSets } from './daemonsets.ts'
import { deployments } from './deployments.ts'
import { replicaSets } from './replicasets.ts'
import { statefulSets } from './statefulsets.ts'

export const appsDefinitions: readonly ResourceDefinition[] = [controllerRevisions, daemonSets, deployments, replicaSets, statefulSets]
