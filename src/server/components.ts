/**
 * Whether the parts of the control plane are well. Controllers run in this process, unless they are left to somebody else; such parts are
 * asked where they listen by default.
 *
 * @see pkg/registry/core/rest/storage_core.go, serversToValidate; pkg/probe/http/http.go
 * @module
 */
import { request } from 'node:https'
import { networkErrorText } from '../client/network-error.ts'
import { systemClock } from '../clock.ts'
import type { ComponentChecks, ComponentHealth } from '../registry/core/componentstatuses.ts'
import type { Store } from '../storage/store.ts'

const HOST = '127.0.0.1'
const CONTROLLER_MANAGER_PORT = 10_257
const SCHEDULER_PORT = 10_259
const PROBE_MS = 20_000
const OK: ComponentHealth = { status: 'True', message: 'ok' }

export function componentChecks(store: Store, ownControllers: boolean): ComponentChecks {
  return {
    'controller-manager': ownControllers ? () => Promise.resolve(OK) : () => probe(CONTROLLER_MANAGER_PORT),
    'etcd-0': () =>
      store.consistentRevision().then(
        () => OK,
        (error: Error): ComponentHealth => ({ status: 'False', error: error.message }),
      ),
    scheduler: () => probe(SCHEDULER_PORT),
  }
}

/** Whoever listens there is believed: neither side shows who it is. */
function probe(port: number): Promise<ComponentHealth> {
  const url = `https://${HOST}:${port}/healthz`
  return new Promise((done) => {
    const failed = (why: string) => done({ status: 'Unknown', error: `Get "${url}": ${why}` })
    const asked = request(url, { rejectUnauthorized: false, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        if (text.length < 10 * 1024) text += part
      })
      response.on('end', () => {
        const code = response.statusCode ?? 0
        done(
          code >= 200 && code < 400
            ? { status: 'True', message: text }
            : { status: 'False', message: `HTTP probe failed with statuscode: ${code}` },
        )
      })
    })
    const cancel = systemClock.after(PROBE_MS, () => asked.destroy(new Error('context deadline exceeded')))
    asked.on('close', cancel)
    asked.on('error', (error) => failed(networkErrorText(error, { host: HOST, port }, null)))
    asked.end()
  })
}
