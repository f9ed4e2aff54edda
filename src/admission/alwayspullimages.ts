/**
 * `AlwaysPullImages`: nobody runs an image from a node's disk that they could not pull themselves.
 *
 * @see plugin/pkg/admission/alwayspullimages/admission.go
 * @module
 */
import { aggregateErrors } from '../api/aggregate.ts'
import { fieldErrorText, notSupported } from '../api/field.ts'
import { failure } from '../api/status.ts'
import type { Container, Pod } from '../api/types/core/v1.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'

const LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const

export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  handles: (request) =>
    (request.operation === 'CREATE' || request.operation === 'UPDATE') &&
    request.group === '' &&
    request.resource === 'pods' &&
    request.subresource === '' &&
    bringsImages(request),
  admit(request) {
    for (const [, container] of containersOf(request.object as Pod)) container.imagePullPolicy = 'Always'
    for (const volume of (request.object as Pod).spec?.volumes ?? []) if (volume.image !== undefined) volume.image.pullPolicy = 'Always'
  },
  validate(request) {
    const pod = request.object as Pod
    const policies = [
      ...containersOf(pod).map(([path, { imagePullPolicy }]) => [`${path}.imagePullPolicy`, imagePullPolicy] as const),
      ...(pod.spec?.volumes ?? []).flatMap(({ image }, i) =>
        image === undefined ? [] : [[`spec.volumes[${i}].image.pullPolicy`, image.pullPolicy] as const],
      ),
    ]
    const errors = policies
      .filter(([, policy]) => policy !== 'Always')
      .map(([path, policy]) => admissionForbidden(request, fieldErrorText(notSupported(path, policy ?? '', ['Always']))).message)
    if (errors.length > 0) throw failure(500, '', aggregateErrors(errors))
  },
}

function containersOf({ spec }: Pod): [string, Container][] {
  return LISTS.flatMap((list) =>
    ((spec?.[list] ?? []) as Container[]).map((container, i): [string, Container] => [`spec.${list}[${i}]`, container]),
  )
}

/** An update that names no image anew is left alone. */
function bringsImages({ operation, object, oldObject }: AdmissionRequest): boolean {
  if (operation !== 'UPDATE') return true
  const before = new Set(containersOf(oldObject as Pod).map(([, { image }]) => image))
  return containersOf(object as Pod).some(([, { image }]) => !before.has(image))
}
