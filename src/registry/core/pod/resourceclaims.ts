/**
 * Resource claims that a pod names.
 *
 * @see pkg/apis/core/validation/validation.go, validatePodResourceClaim
 * @module
 */

import { duplicate, type FieldError, forbiddenField, invalidValue, required } from '../../../api/field.ts'
import { subdomainName } from '../../../api/names.ts'
import type { PodResourceClaim } from '../../../api/types/core/v1.ts'
import { each, validateDNS1123Label } from '../../validation.ts'
import { MIRROR_ANNOTATION } from './annotations.ts'
import { goResourceClaim } from './gostructs.ts'

export function resourceClaimsErrors(
  claims: readonly PodResourceClaim[],
  field: string,
  annotations: Readonly<Record<string, string>> | undefined,
): FieldError[] {
  const names = new Set<string>()
  return claims.flatMap((claim, index) => {
    // A path with an empty name prints as two brackets.
    if (annotations?.[MIRROR_ANNOTATION] !== undefined) return [forbiddenField('[]', 'static pods do not support resource claims')]
    const { name = '', resourceClaimName, resourceClaimTemplateName } = claim
    const at = `${field}[${index}]`
    const errors: FieldError[] = []
    if (name === '') errors.push(required(`${at}.name`))
    else if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
    else {
      errors.push(...validateDNS1123Label(name, `${at}.name`))
      names.add(name)
    }
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      errors.push(
        invalidValue(at, goResourceClaim(claim), 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'),
      )
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      errors.push(invalidValue(at, goResourceClaim(claim), 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'))
    }
    for (const member of ['resourceClaimName', 'resourceClaimTemplateName'] as const) {
      const reference = claim[member]
      if (reference !== undefined) errors.push(...each(`${at}.${member}`, reference, subdomainName(reference, false)))
    }
    return errors
  })
}
