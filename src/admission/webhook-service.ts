/**
 * Where a Service's webhook really listens: one of the ready endpoints of its port. Cluster IPs lead nowhere without kube-proxy, so they are
 * never dialled (what kube-apiserver does with `--enable-aggregator-routing`).
 *
 * @see apiserver/pkg/util/proxy/proxy.go, ResolveEndpoint
 * @module
 */
import { quote } from '../api/status.ts'
import type { Endpoints, Service } from '../api/types/core/v1.ts'
import type { EndpointSlice } from '../api/types/discovery/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { Address } from '../client/network-error.ts'

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

/** Throws an Error that says what is missing. @param random in [0, 1) */
export function resolveService(cache: Cache, of: { namespace: string; name: string; port: number }, random: () => number): Address {
  const key = `${of.namespace}/${of.name}`
  const service = cache.resource('v1/services')?.get(key)?.object as Service | undefined
  if (service === undefined) throw new Error(`service ${quote(of.name)} not found`)
  if (service.spec?.type === 'ExternalName') throw new Error('unsupported service type "ExternalName"')
  const servicePort = service.spec?.ports?.find(({ port }) => port === of.port)
  if (servicePort === undefined) throw new Error(`no service port ${of.port} found for service ${quote(of.name)}`)
  const found = addresses(cache, key, of, servicePort.name ?? '')
  const chosen = found[Math.floor(random() * found.length)]
  if (chosen === undefined) throw new Error(`no endpoints available for service ${quote(of.name)}`)
  return chosen
}

function addresses(cache: Cache, key: string, { namespace, name }: { namespace: string; name: string }, portName: string): Address[] {
  const endpoints = cache.resource('v1/endpoints')?.get(key)?.object as Endpoints | undefined
  const found = (endpoints?.subsets ?? []).flatMap((subset) => {
    const port = subset.ports?.find((one) => (one.name ?? '') === portName)?.port
    return port === undefined ? [] : (subset.addresses ?? []).map(({ ip = '' }): Address => ({ host: ip, port }))
  })
  return found.length > 0 ? found : slicedAddresses(cache, namespace, name, portName)
}

/** Only for services that somebody gave slices without endpoints. */
function slicedAddresses(cache: Cache, namespace: string, name: string, portName: string): Address[] {
  const found: Address[] = []
  for (const { object } of cache.resource('discovery.k8s.io/v1/endpointslices')?.snapshot().scan(`${namespace}/`) ?? []) {
    const slice = object as EndpointSlice
    if (slice.metadata?.labels?.[SERVICE_NAME_LABEL] !== name) continue
    const port = slice.ports?.find((one) => (one.name ?? '') === portName)?.port
    if (port === undefined) continue
    for (const { conditions, addresses: [host] = [] } of slice.endpoints ?? []) {
      if (conditions?.ready !== false && host !== undefined) found.push({ host, port })
    }
  }
  return found
}
