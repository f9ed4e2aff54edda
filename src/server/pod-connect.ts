/**
 * Streams into pods (`log`, `exec`, `attach`, `portforward`), as far as a server without nodes of its own can answer them.
 *
 * @see pkg/registry/core/pod/strategy.go, LogLocation and its neighbours
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import { badRequest, failure, notFound, type StatusError } from '../api/status.ts'
import type { Container, Pod } from '../api/types/core/v1.ts'
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
