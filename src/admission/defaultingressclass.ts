/**
 * `DefaultIngressClass`: an Ingress that asks for no class gets the default one.
 *
 * @see plugin/pkg/admission/network/defaultingressclass/admission.go
 * @module
 */
import type { Ingress } from '../api/types/networking/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionPlugin } from './admission.ts'
import { markedObjects, newest } from './marked.ts'

const CLASS = 'kubernetes.io/ingress.class'
const DEFAULT_MARK = 'ingressclass.kubernetes.io/is-default-class'

export function defaultIngressClass({ cache }: { cache: Cache }): AdmissionPlugin {
  const defaults = markedObjects(
    cache,
    'networking.k8s.io/v1/ingressclasses',
    ({ metadata }) => metadata?.annotations?.[DEFAULT_MARK] === 'true',
  )
  return {
    name: 'DefaultIngressClass',
    handles: ({ operation, group, resource, subresource }) =>
      operation === 'CREATE' && group === 'networking.k8s.io' && resource === 'ingresses' && subresource === '',
    admit(request) {
      const ingress = request.object as Ingress
      if (ingress.spec?.ingressClassName !== undefined || ingress.metadata?.annotations?.[CLASS] !== undefined) return
      const name = newest(defaults())?.metadata?.name
      if (name !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: name }
    },
  }
}
