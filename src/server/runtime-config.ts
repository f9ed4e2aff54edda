/**
 * Which API versions are served: `--runtime-config`.
 *
 * @see apiserver/pkg/server/resourceconfig/helpers.go, MergeAPIResourceConfigs
 * @module
 */
import { groupVersion } from '../api/object.ts'
import type { ResourceDefinition } from '../registry/resource.ts'

/** The server cannot be started that way. */
export class RuntimeConfigError extends Error {
  override readonly name = 'RuntimeConfigError'
}

/** Coarse keys, in the order in which they count; finer ones count more. */
const MATCHERS: readonly (readonly [key: string, pattern: RegExp])[] = [
  ['api/all', /^/],
  ['api/ga', /^v\d+$/],
  ['api/beta', /^v\d+beta\d+$/],
  ['api/alpha', /^v\d+alpha\d+$/],
]

/** The server and its controllers keep objects of these themselves. */
const NEEDED: ReadonlySet<string> = new Set([
  'v1',
  'apiregistration.k8s.io/v1',
  'authentication.k8s.io/v1',
  'authorization.k8s.io/v1',
  'certificates.k8s.io/v1',
  'coordination.k8s.io/v1',
  'discovery.k8s.io/v1',
  'flowcontrol.apiserver.k8s.io/v1',
  'networking.k8s.io/v1',
  'rbac.authorization.k8s.io/v1',
  'scheduling.k8s.io/v1',
  'storage.k8s.io/v1',
])

/** What is left of `definitions`. Throws a RuntimeConfigError where something is asked for that is not there, or cannot be missed. */
export function enabledDefinitions(
  definitions: readonly ResourceDefinition[],
  config: Readonly<Record<string, boolean>>,
): readonly ResourceDefinition[] {
  const keys = Object.keys(config)
  if (keys.length === 0) return definitions
  const known = new Set(
    definitions.flatMap(({ group, version, resource }) => [groupVersion(group, version), `${group}/${version}/${resource}`]),
  )
  for (const key of keys) {
    // Beta and alpha versions are off by default there, and here there are none.
    const isServed = key === 'api/ga' || known.has(key)
    if (config[key] === true && !isServed)
      throw new RuntimeConfigError(`--runtime-config=${key}=true: podpass does not serve that; kubectl api-versions lists what it serves`)
  }
  return definitions.filter(({ group, version, resource }) => {
    const of = groupVersion(group, version)
    let on = true
    for (const [key, pattern] of MATCHERS) if (pattern.test(version)) on = config[key] ?? on
    on = config[of] ?? on
    on = config[`${group}/${version}/${resource}`] ?? on
    if (!on && NEEDED.has(of)) throw new RuntimeConfigError(`--runtime-config: ${of} cannot be turned off, the server itself needs it`)
    return on
  })
}
