/**
 * The addresses of the servers on one store, under kube-apiserver's own keys: each server's runs out when it is not renewed.
 *
 * @see pkg/controlplane/reconcilers/lease.go
 * @module
 */
import { decodeProtobuf } from '../../api/protobuf.ts'
import type { Endpoints } from '../../api/types/core/v1.ts'
import type { Store } from '../../storage/store.ts'
import type { ServerAddresses } from './kubernetes-service.ts'

const PREFIX = '/registry/masterleases/'
const TTL_SECONDS = 15

export function serverAddresses(store: Store, address: string): ServerAddresses {
  const key = PREFIX + address
  return {
    async renew() {
      for (;;) {
        const present = await store.get(key)
        // Only a value that differs gets a new lease from kube-apiserver; the generation sees to it.
        const generation = present === undefined ? 1 : (endpointsOf(present.value).metadata?.generation ?? 0) + 1
        const value = Buffer.from(
          JSON.stringify({ kind: 'Endpoints', apiVersion: 'v1', metadata: { generation }, subsets: [{ addresses: [{ ip: address }] }] }),
        )
        const options = { ttlSeconds: TTL_SECONDS }
        const outcome =
          present === undefined ? await store.create(key, value, options) : await store.update(key, value, present.revision, options)
        if (outcome.ok) return
      }
    },
    async list() {
      const { values } = await store.range(PREFIX)
      return values.flatMap(({ value }) => endpointsOf(value).subsets?.[0]?.addresses?.[0]?.ip ?? [])
    },
    async withdraw() {
      const present = await store.get(key)
      if (present !== undefined) await store.delete(key, present.revision)
    },
  }
}

/** Our own JSON, or what kube-apiserver wrote. */
function endpointsOf(value: Uint8Array): Endpoints {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return (bytes[0] === 0x7b ? JSON.parse(bytes.toString()) : (decodeProtobuf(bytes) ?? {})) as Endpoints
}
