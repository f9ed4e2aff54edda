/**
 * The ConfigMap `extension-apiserver-authentication`: whom extension servers are to trust.
 *
 * Servers on one store add to it: what another one put there stays.
 *
 * @see pkg/controlplane/controller/clusterauthenticationtrust/cluster_authentication_trust_controller.go
 * @module
 */

import { semanticEqual } from '../../api/semantic-equal.ts'
import type { ConfigMap } from '../../api/types/core/v1.ts'
import type { RequestHeaderOptions } from '../options.ts'
import { about, repeat } from './loop.ts'
import { cached, create, type System } from './system.ts'

const RESOURCE = 'v1/configmaps'
const KEY = { namespace: 'kube-system', name: 'extension-apiserver-authentication' }
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

export interface Trust {
  /** PEM. */
  clientCA: string | undefined
  requestHeader: RequestHeaderOptions | undefined
}

type Data = Readonly<Record<string, string>>

export async function ensureAuthenticationTrust({ registry }: System, trust: Trust): Promise<void> {
  const present = registry.get(RESOURCE, KEY) as ConfigMap | undefined
  const data = trustData(trust, present?.data ?? {})
  if (semanticEqual(present?.data ?? {}, data)) return
  if (present === undefined) return create(registry, RESOURCE, { metadata: KEY, data })
  await registry.update(RESOURCE, KEY, (map) => {
    map['data'] = trustData(trust, (map as ConfigMap).data ?? {})
  })
}

export function keepAuthenticationTrust(system: System, trust: Trust): void {
  const { cache, clock, log, signal } = system
  repeat({
    name: 'cluster-authentication-trust',
    clock,
    log,
    signal,
    work: () => ensureAuthenticationTrust(system, trust),
    settleMs: 0,
    watch: [{ resource: cached(cache, RESOURCE), concerns: about(`${KEY.namespace}/${KEY.name}`) }],
  })
}

/** What is required together with what is there. */
export function trustData({ clientCA, requestHeader }: Trust, present: Data): Record<string, string> {
  const data: Record<string, string> = {}
  const clients = bundle(present['client-ca-file'], clientCA)
  if (clients !== '') data['client-ca-file'] = clients
  const proxies = bundle(present['requestheader-client-ca-file'], requestHeader?.clientCA)
  if (proxies === '') return data
  const lists: readonly (readonly [key: string, required: readonly string[] | undefined, optional?: true])[] = [
    ['requestheader-username-headers', requestHeader?.usernameHeaders],
    ['requestheader-uid-headers', requestHeader?.uidHeaders, true],
    ['requestheader-group-headers', requestHeader?.groupHeaders],
    ['requestheader-extra-headers-prefix', requestHeader?.extraHeaderPrefixes],
    ['requestheader-allowed-names', requestHeader?.allowedNames],
  ]
  data['requestheader-client-ca-file'] = proxies
  for (const [key, required = [], optional] of lists) {
    const all = [...new Set([...listed(present[key]), ...required])]
    if (optional === undefined || all.length > 0) data[key] = JSON.stringify(all)
  }
  return data
}

/** Certificates of both, each once, in their order; the text of the first one stays as it is when nothing is added. */
function bundle(first = '', second = ''): string {
  if (first === '' || second === '') return first || second
  const known = new Set(first.match(CERTIFICATE))
  const added = (second.match(CERTIFICATE) ?? []).filter((one) => !known.has(one))
  return added.length === 0 ? first : `${first.trimEnd()}\n${added.join('\n')}\n`
}

function listed(text = '[]'): string[] {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
  } catch {
    return []
  }
}
