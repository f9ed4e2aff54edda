/**
 * Streams into pods (`log`, `exec`, `attach`, `portforward`), as far as a server without nodes of its own can answer them.
 *
 * @see pkg/registry/core/pod/strategy.go, LogLocation and its neighbours
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import { badRequest, failure, notFound, quote, type StatusError } from '../api/status.ts'
import type { Container, EndpointAddress, Endpoints, Pod } from '../api/types/core/v1.ts'
import { type Endpoint, objectKey } from '../registry/endpoint.ts'
import type { ServerRequest } from './request.ts'

/** Answers the request, or throws what is wrong with it. */
export function connectToPod(request: ServerRequest, endpoint: Endpoint): void {
  const { info, query } = request
  const pod = endpoint.cache?.get(objectKey(info.namespace, info.name))?.object as (Pod & KubeObject) | undefined
  if (pod === undefined) throw notFound(endpoint.gr, info.name)
  if (info.subresource !== 'portforward' && info.subresource !== 'proxy') checkContainer(pod, query.get('container') ?? '')
  if ((pod.spec?.nodeName ?? '') !== '') throw notServed(info.subresource)
  if (info.subresource !== 'log') throw badRequest(`pod ${info.name} does not have a host assigned`)
  request.respond(204, [], undefined)
}

/** `proxy` of a service, as far as there is somebody behind it. @see pkg/registry/core/service/storage/storage.go, ResourceLocation */
export function connectToService(request: ServerRequest, endpoint: Endpoint): never {
  const { info, deps } = request
  // `name`, `name:port` or `scheme:name:port`.
  const parts = info.name.split(':')
  const name = (parts.length === 3 ? parts[1] : parts[0]) ?? ''
  const key = objectKey(info.namespace, name)
  const { cache } = deps.verbs.world
  const endpoints = cache.resource('v1/endpoints')?.get(key)?.object as Endpoints | undefined
  if (endpoints === undefined) throw notFound({ group: '', resource: 'endpoints' }, name)
  const isPod = ({ targetRef }: EndpointAddress) =>
    targetRef?.kind === 'Pod' && cache.resource('v1/pods')?.get(objectKey(targetRef.namespace ?? '', targetRef.name ?? '')) !== undefined
  if (!endpoints.subsets?.some(({ addresses = [] }) => addresses.some(isPod)))
    throw failure(503, 'ServiceUnavailable', `no endpoints available for service ${quote(name)}`)
  throw notServed(`${endpoint.gr.resource}/proxy`)
}

/** What nothing here can connect to: a node agent would have to be there. */
export function notServed(name: string): StatusError {
  return failure(501, 'NotImplemented', `this server runs no pods: ${name} has nothing to connect to`)
}

function checkContainer(pod: Pod, wanted: string): void {
  const name = pod.metadata?.name ?? ''
  const containers: readonly Container[] = pod.spec?.containers ?? []
  const all = [...(pod.spec?.initContainers ?? []), ...containers, ...(pod.spec?.ephemeralContainers ?? [])].map((one) => one.name ?? '')
  if (wanted !== '') {
    if (!all.includes(wanted)) throw badRequest(`container ${wanted} is not valid for pod ${name}`)
  } else if (containers.length === 0) throw badRequest(`a container name must be specified for pod ${name}`)
  else if (containers.length > 1) throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${all.join(' ')}]`)
}
