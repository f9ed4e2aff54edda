/**
 * Projected volumes: files from several sources in one folder.
 *
 * Cluster trust bundles and pod certificates are off by default, so that only an old object can have them; they are not looked into.
 *
 * @see pkg/apis/core/validation/validation.go, validateProjectionSources and validateDownwardAPIVolumeFile
 * @module
 */
import { type FieldError, forbiddenField, invalidValue, required } from '../../../api/field.ts'
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from '../../../api/types/core/v1.ts'
import { fieldRefErrors, resourceFieldRefErrors, VOLUME_FIELDS } from './env.ts'
import { fileModeErrors, keyToPathErrors } from './keytopath.ts'
import { localPathErrors } from './paths.ts'

const MIN_TOKEN_SECONDS = 10 * 60
const MAX_TOKEN_SECONDS = 2 ** 32
const SOURCES = ['secret', 'configMap', 'downwardAPI', 'serviceAccountToken', 'clusterTrustBundle', 'podCertificate'] as const

export function projectedErrors(projected: ProjectedVolumeSource, field: string, allowNonLocalTokenPath: boolean): FieldError[] {
  const errors = fileModeErrors(projected.defaultMode, `${field}.defaultMode`)
  const paths = new Set<string>()
  const take = (path: string, value: string): void => {
    if (path === '') return
    if (paths.has(path)) errors.push(invalidValue(field, value, 'conflicting duplicate paths'))
    paths.add(path)
  }
  for (const [index, source] of (projected.sources ?? []).entries()) {
    const at = `${field}.sources[${index}]`
    for (const member of ['secret', 'configMap'] as const) {
      const files = source[member]
      if (files !== undefined) errors.push(...filesErrors(files, `${at}.${member}`, take))
    }
    for (const file of source.downwardAPI?.items ?? []) {
      errors.push(...downwardFileErrors(file, `${at}.downwardAPI`))
      take(file.path ?? '', file.path ?? '')
    }
    if (source.serviceAccountToken !== undefined)
      errors.push(...tokenErrors(source.serviceAccountToken, { field, at, allowNonLocalTokenPath }))
    if (numberOfSources(source) > 1) errors.push(forbiddenField(at, 'may not specify more than 1 volume type per source'))
  }
  return errors
}

export function downwardFileErrors(file: DownwardAPIVolumeFile, field: string): FieldError[] {
  const { path = '', fieldRef, resourceFieldRef, mode } = file
  const errors: FieldError[] = []
  if (path === '') errors.push(required(`${field}.path`))
  errors.push(...localPathErrors(path, `${field}.path`))
  if (fieldRef !== undefined) {
    errors.push(...fieldRefErrors(fieldRef, `${field}.fieldRef`, VOLUME_FIELDS))
    if (resourceFieldRef !== undefined)
      errors.push(invalidValue(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'))
  } else if (resourceFieldRef !== undefined) errors.push(...resourceFieldRefErrors(resourceFieldRef, `${field}.resourceFieldRef`, true))
  else errors.push(required(field, 'one of fieldRef and resourceFieldRef is required'))
  errors.push(...fileModeErrors(mode, `${field}.mode`))
  return errors
}

function filesErrors(
  files: { name?: string | undefined; items?: KeyToPath[] | undefined },
  field: string,
  take: (path: string, value: string) => void,
): FieldError[] {
  const errors: FieldError[] = files.name ? [] : [required(`${field}.name`)]
  for (const [index, item] of (files.items ?? []).entries()) {
    errors.push(...keyToPathErrors(item, `${field}.items[${index}]`))
    take(item.path ?? '', files.name ?? '')
  }
  return errors
}

/** Upstream reports the path of a token at the volume, not at the source. */
function tokenErrors(
  token: ServiceAccountTokenProjection,
  { field, at, allowNonLocalTokenPath }: { field: string; at: string; allowNonLocalTokenPath: boolean },
): FieldError[] {
  const { expirationSeconds = 0, path = '' } = token
  const errors: FieldError[] = []
  const seconds = `${at}.serviceAccountToken.expirationSeconds`
  if (expirationSeconds < MIN_TOKEN_SECONDS)
    errors.push(invalidValue(seconds, expirationSeconds, 'may not specify a duration less than 10 minutes'))
  if (expirationSeconds > MAX_TOKEN_SECONDS)
    errors.push(invalidValue(seconds, expirationSeconds, 'may not specify a duration larger than 2^32 seconds'))
  if (path === '') errors.push(required(`${field}.path`))
  else if (!allowNonLocalTokenPath) errors.push(...localPathErrors(path, `${field}.path`))
  return errors
}

function numberOfSources(source: VolumeProjection): number {
  return SOURCES.filter((member) => source[member] !== undefined).length
}
