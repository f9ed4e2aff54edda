/**
 * Files of one volume that stand in each other's way.
 *
 * @see pkg/api/pod/warnings.go, warningsForOverlappingVirtualPaths
 * @module
 */
import { quote } from '../../../api/status.ts'
import type { Volume, VolumeProjection } from '../../../api/types/core/v1.ts'

interface PathOfSource {
  path: string
  /** Empty where the volume has only one source. */
  source: string
}

type Items = readonly { path?: string | undefined }[] | undefined

export function pathOverlapWarnings(volumes: readonly Volume[]): string[] {
  const warnings: string[] = []
  for (const { name = '', configMap, secret, downwardAPI, projected } of volumes) {
    const warn = (paths: readonly PathOfSource[], source: string): void => {
      for (const overlap of overlaps(paths)) warnings.push(`volume ${quote(name)} (${source}): overlapping paths: ${overlap}`)
    }
    if (configMap?.items !== undefined) warn(pathsOf(configMap.items, ''), `ConfigMap ${quote(configMap.name ?? '')}`)
    if (secret?.items !== undefined) warn(pathsOf(secret.items, ''), `Secret ${quote(secret.secretName ?? '')}`)
    if (downwardAPI?.items !== undefined) warn(pathsOf(downwardAPI.items, ''), 'DownwardAPI')
    if (projected?.sources === undefined) continue
    for (const source of projected.sources)
      if (Object.keys(source).length === 0) warnings.push(`volume ${quote(name)} (Projected) has no sources provided`)
    warn(projected.sources.flatMap(projectedPaths), 'Projected')
  }
  return warnings
}

function projectedPaths({ configMap, secret, downwardAPI, serviceAccountToken }: VolumeProjection): PathOfSource[] {
  if (configMap?.items !== undefined) return pathsOf(configMap.items, `ConfigMap ${quote(configMap.name ?? '')}`)
  if (secret?.items !== undefined) return pathsOf(secret.items, `Secret ${quote(secret.name ?? '')}`)
  if (downwardAPI?.items !== undefined) return pathsOf(downwardAPI.items, 'DownwardAPI')
  return serviceAccountToken === undefined ? [] : [{ path: serviceAccountToken.path ?? '', source: 'ServiceAccountToken' }]
}

function pathsOf(items: Items, source: string): PathOfSource[] {
  return (items ?? []).map(({ path = '' }) => ({ path, source }))
}

function overlaps(paths: readonly PathOfSource[]): string[] {
  const trimmed = paths.map(({ path, source }) => ({ path: path.replace(/\/+$/, ''), source }))
  return trimmed.flatMap((one, index) =>
    trimmed
      .slice(0, index)
      .filter((other) => one.path !== '' && other.path !== '' && (isWithin(one.path, other.path) || isWithin(other.path, one.path)))
      .map((other) => `${printed(one)} with ${printed(other)}`),
  )
}

function isWithin(path: string, folder: string): boolean {
  return `${path}/`.startsWith(`${folder}/`)
}

function printed({ path, source }: PathOfSource): string {
  return source === '' ? quote(path) : `${quote(path)} (${source})`
}
