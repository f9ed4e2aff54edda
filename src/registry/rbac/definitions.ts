/**
 * The rbac.authorization.k8s.io group.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { clusterRoleBindings, roleBindings } from './bindings.ts'
import { clusterRoles, roles } from './roles.ts'

export const rbacDefinitions: readonly ResourceDefinition[] = [clusterRoleBindings, clusterRoles, roleBindings, roles]
