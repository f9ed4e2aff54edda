/**
 * `/statusz`: which server this is and since when it runs, for people as text and for programs as an object.
 *
 * @see KEP-4827; apiserver/pkg/server/statusz/statusz.go
 * @module
 */
import { encodeYaml } from '../api/encode.ts'
import type { KubeObject } from '../api/object.ts'
import { failure } from '../api/status.ts'
import { rfc3339, systemClock } from '../clock.ts'
import { header } from './exchange.ts'
import { clausesOf, wantsPretty } from './negotiate.ts'
import type { ExtraRoute } from './routes.ts'
import { versionInfo } from './version.ts'

const GROUP = 'config.k8s.io'
const NAME = 'apiserver'
const TYPES = ['application/json', 'application/yaml', 'text/plain']
const WARNING =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.'
const DEPRECATED = '299 - "This version of the statusz endpoint is deprecated. Please use a newer version."'
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export interface Statusz {
  startedMs: number
  nowMs: number
  goVersion: string
  binaryVersion: string
  emulationVersion: string
  paths: readonly string[]
}

/** What `Accept` asks for: text, or an object of a version. Throws the 406 that lists the types. */
export function statuszForm(accept: string): { type: string; version: string } {
  if (accept.trim() === '') return { type: 'text/plain', version: '' }
  for (const { type, parameters } of clausesOf(accept)) {
    const as = parameters.get('as') ?? ''
    const version = parameters.get('v') ?? ''
    const known = as === 'Statusz' && parameters.get('g') === GROUP && (version === 'v1alpha1' || version === 'v1beta1')
    const fits = (one: string) => type === one || type === '*/*' || type === `${one.split('/')[0]}/*`
    const found = TYPES.find((one) => fits(one) && (one === 'text/plain' ? as === '' : known))
    if (found !== undefined) return { type: found, version: found === 'text/plain' ? '' : version }
  }
  throw failure(406, 'NotAcceptable', `only the following media types are accepted: ${TYPES.join(', ')}`)
}

export function statuszText({ startedMs, nowMs, goVersion, binaryVersion, emulationVersion, paths }: Statusz): string {
  return `
${NAME} statusz
${WARNING}

Started: ${unixDate(startedMs)}
Up: ${uptime(nowMs - startedMs)}
Go version: ${goVersion}
Binary version: ${binaryVersion}
Emulation version: ${emulationVersion}
Paths: ${paths.join(' ')}
`
}

export function statuszObject(of: Statusz, version: string): KubeObject {
  const { startedMs, nowMs, goVersion, binaryVersion, emulationVersion, paths } = of
  return {
    kind: 'Statusz',
    apiVersion: `${GROUP}/${version}`,
    metadata: { name: NAME },
    startTime: rfc3339(startedMs),
    uptimeSeconds: Math.max(0, Math.floor((nowMs - startedMs) / 1000)),
    goVersion,
    binaryVersion,
    emulationVersion,
    paths: [...paths],
  }
}

export function statuszRoute(emulatedMinor: number, paths: readonly string[]): ExtraRoute {
  // The process runs in real time, whatever the clock of the API says.
  const startedMs = Math.floor(systemClock.nowMs() / 1000 - process.uptime()) * 1000
  return {
    path: '/statusz',
    handle(request) {
      const { type, version } = statuszForm(header(request.exchange, 'accept'))
      const { goVersion = '', gitVersion = '' } = versionInfo(emulatedMinor)
      const binaryVersion = gitVersion.slice(1)
      const of = { startedMs, nowMs: systemClock.nowMs(), goVersion, binaryVersion, emulationVersion: `1.${emulatedMinor}`, paths }
      if (type === 'text/plain') return request.respondText(200, statuszText(of))
      const object = statuszObject(of, version)
      const contentType = `${type};g=${GROUP};v=${version};as=Statusz`
      const headers: [string, string][] = [['Content-Type', contentType]]
      if (version === 'v1alpha1') headers.push(['Warning', DEPRECATED])
      const pretty = wantsPretty(request.query, request.userAgent)
      const json = () => (pretty ? JSON.stringify(object, null, 2) : `${JSON.stringify(object)}\n`)
      request.respond(200, headers, type === 'application/yaml' ? encodeYaml(object) : json())
    },
  }
}

/** As Go's time.UnixDate: `Sat Nov 21 18:37:23 UTC 2026`. */
function unixDate(ms: number): string {
  const at = new Date(ms)
  const time = at.toISOString().slice(11, 19)
  return `${DAYS[at.getUTCDay()]} ${MONTHS[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2)} ${time} UTC ${at.getUTCFullYear()}`
}

function uptime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (value: number) => String(value).padStart(2, '0')
  return `${Math.floor(seconds / 3600)} hr ${two(Math.floor(seconds / 60) % 60)} min ${two(seconds % 60)} sec`
}
