/**
 * From the flags of `podpass serve` to the options of a server: reads the files, refuses what contradicts itself.
 *
 * All that is wrong is said at once, so that a command line is mended in one go.
 *
 * @see cmd/kube-apiserver/app/options/validation.go, pkg/controlplane/apiserver/options/validation.go
 * @module
 */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { parseTokenFile } from '../authentication/tokenfile.ts'
import { CIPHER_SUITES } from '../server/cipher-suites.ts'
import { defaultServerOptions, type ServerOptions, type StaticToken, type TlsOptions } from '../server/options.ts'
import { auditOptions } from './auditflags.ts'
import { authenticationOptions } from './authenticationflags.ts'
import { authorizationOptions } from './authorizationflags.ts'
import { type FlagValues, type Parsed, UsageError } from './flags.ts'
import { unknownName } from './nearest.ts'
import {
  ADMISSION_PLUGINS,
  CONCURRENCY_FLAGS,
  CONTROLLER_ALIASES,
  CONTROLLER_NAMES,
  FLAGS_WITHOUT_EFFECT,
  HARMLESS_VALUES,
  REFUSED_FLAGS,
  type SERVE_FLAGS,
  type SERVER_FLAGS,
} from './serverflags.ts'

type Values = FlagValues<typeof SERVER_FLAGS>

/** A serving certificate and keys that somebody else chose: `podpass up`, or a first `podpass serve` without `--tls-cert-file`. */
export interface Identity {
  certificate: string
  key: string
  ca: string
}

export interface Surroundings {
  /** Throws as `readFileSync` does. */
  readFile(path: string): string
  /** Makes or reads the serving certificate of a server that was given none. */
  ownIdentity(folder: string, names: readonly string[]): Promise<Identity>
}

export interface ServeOptions {
  options: ServerOptions
  /** Things that are as asked, and worth knowing: a line each. */
  notices: string[]
}

const MIN_EMULATED_MINOR = 33
const MAX_EMULATED_MINOR = 36
/** @see pkg/controlplane/apiserver/options/options.go, lowBound and upBound */
const MIN_TOKEN_EXPIRATION_SECONDS = 3600
const MAX_TOKEN_EXPIRATION_SECONDS = 2 ** 32

/** Throws a UsageError with everything that is wrong. */
export async function serveOptions(parsed: Parsed<typeof SERVE_FLAGS>, surroundings: Surroundings): Promise<ServeOptions> {
  const problems: string[] = []
  const notices: string[] = []
  const { given } = parsed
  // Every server flag is among the serve flags, under the same name.
  const values = parsed.values as unknown as Values
  if (parsed.words.length > 0) problems.push(`${parsed.words[0]} is no flag, and podpass serve takes nothing else`)
  otherFlags(parsed, problems, notices)

  const read = (flag: string, path: string | undefined): string | undefined => {
    if (path === undefined || path === '') return undefined
    try {
      return surroundings.readFile(path)
    } catch (error) {
      problems.push(
        `--${flag}=${path}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message}`,
      )
      return undefined
    }
  }
  const together = (...flags: (keyof Values & string)[]): void => {
    const missing = flags.filter((flag) => !isGiven(values[flag]))
    if (missing.length > 0 && missing.length < flags.length)
      problems.push(
        `${flags.map((flag) => `--${flag}`).join(' and ')} go together; ${missing.map((flag) => `--${flag}`).join(', ')} is missing`,
      )
  }

  together('tls-cert-file', 'tls-private-key-file')
  together('etcd-certfile', 'etcd-keyfile')
  together('cluster-signing-cert-file', 'cluster-signing-key-file')
  const endpoint = values['service-account-signing-endpoint']
  if (!isGiven(endpoint)) together('service-account-issuer', 'service-account-signing-key-file', 'service-account-key-file')
  else if (isGiven(values['service-account-signing-key-dir']))
    problems.push('--service-account-signing-endpoint: its program decides on keys, there is nothing for --service-account-signing-key-dir')
  else if (isGiven(values['service-account-signing-key-file']) || isGiven(values['service-account-key-file']))
    problems.push('--service-account-signing-endpoint signs in place of --service-account-signing-key-file and --service-account-key-file')
  if (!isGiven(values['service-account-issuer']))
    problems.push(
      '--service-account-issuer, --service-account-signing-key-file and --service-account-key-file are needed (podpass up chooses them for you)',
    )

  const dataDir = values['data-dir'] ?? './.podpass'
  const store = storeOptions(values, read, dataDir, problems)
  const signingKey = keyText(
    'service-account-signing-key-file',
    read('service-account-signing-key-file', values['service-account-signing-key-file']),
    'private',
    problems,
  )
  const keys = values['service-account-key-file'].flatMap((path) => read('service-account-key-file', path) ?? [])
  for (const key of keys) keyText('service-account-key-file', key, 'public', problems)
  const tls = tlsOptions(values, read, problems)
  checkIssuers(values, problems)

  const maxExpiration = values['service-account-max-token-expiration']
  if (
    maxExpiration !== undefined &&
    maxExpiration !== 0 &&
    (maxExpiration < MIN_TOKEN_EXPIRATION_SECONDS || maxExpiration > MAX_TOKEN_EXPIRATION_SECONDS)
  ) {
    problems.push('--service-account-max-token-expiration: between one hour and 2^32 seconds')
  }
  const clientCA = certificateText('client-ca-file', read('client-ca-file', values['client-ca-file']), problems)
  const signing = {
    certificate: certificateText(
      'cluster-signing-cert-file',
      read('cluster-signing-cert-file', values['cluster-signing-cert-file']),
      problems,
    ),
    key: keyText('cluster-signing-key-file', read('cluster-signing-key-file', values['cluster-signing-key-file']), 'private', problems),
  }
  const rootCA = certificateText('root-ca-file', read('root-ca-file', values['root-ca-file']), problems)
  const secretTokenKey = keyText(
    'service-account-private-key-file',
    read('service-account-private-key-file', values['service-account-private-key-file']),
    'private',
    problems,
  )
  const requestHeaderCA = certificateText(
    'requestheader-client-ca-file',
    read('requestheader-client-ca-file', values['requestheader-client-ca-file']),
    problems,
  )
  if (requestHeaderCA === undefined && given.has('requestheader-allowed-names'))
    problems.push('--requestheader-allowed-names means nothing without --requestheader-client-ca-file')

  const staticTokens = staticTokensOf(values, read, problems)
  const authorization = await authorizationOptions(values, { given, read, readFile: surroundings.readFile, problems })
  const authentication = await authenticationOptions(values, {
    given,
    issuers: values['service-account-issuer'],
    modes: authorization.authorizationModes,
    read,
    readFile: surroundings.readFile,
    problems,
    notices,
  })
  const admission = admissionOptions(values, problems)
  const controllers = controllerSelection(values.controllers, problems)
  const emulatedMinor = emulatedMinorOf(values['emulated-version'], problems)
  const runtimeConfig = runtimeConfigOf(values['runtime-config'], problems)
  const serviceClusterIPRanges = serviceRanges(values['service-cluster-ip-range'], problems)
  const nodePortRange = nodePorts(values['service-node-port-range'], problems)
  for (const name of values['tls-cipher-suites'])
    if (!CIPHER_SUITES.includes(name)) problems.push(`--tls-cipher-suites: ${unknownName(name, CIPHER_SUITES)}`)
  checkNumbers(values, problems)
  const audit = auditOptions(values, read, { problems, notices })

  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  const { ownCA, ...certificate } =
    tls === undefined ? await withOwnCertificate(values, surroundings, dataDir) : { ...tls, ownCA: undefined }
  const concurrency: Record<string, number> = {}
  for (const [flag, { controller }] of Object.entries(CONCURRENCY_FLAGS)) {
    const value = (parsed.values as Record<string, unknown>)[flag]
    if (given.has(flag)) concurrency[controller] = value as number
  }
  const defaults = defaultServerOptions({
    tls: certificate,
    store: store as ServerOptions['store'],
    serviceAccount: {
      issuers: values['service-account-issuer'],
      ...(signingKey === undefined ? {} : { signingKey }),
      ...(isGiven(values['service-account-signing-key-dir']) ? { keyFolder: values['service-account-signing-key-dir'] as string } : {}),
      ...(isGiven(endpoint) ? { signingEndpoint: endpoint as string } : {}),
      keys,
      ...(values['service-account-jwks-uri'] === undefined ? {} : { jwksURI: values['service-account-jwks-uri'] }),
      ...(maxExpiration === undefined || maxExpiration === 0 ? {} : { maxTokenExpirationSeconds: maxExpiration }),
      extendExpiration: values['service-account-extend-token-expiration'],
      lookup: values['service-account-lookup'],
      strictNodeClaim: values['strict-node-claim'],
      ledger: values['token-ledger'],
    },
  })
  const options: ServerOptions = {
    ...defaults,
    bindAddress: values['bind-address'],
    securePort: values['secure-port'],
    ...(values['advertise-address'] === undefined ? {} : { advertiseAddress: values['advertise-address'] }),
    ...(values['external-hostname'] === undefined ? {} : { externalHostname: values['external-hostname'] }),
    ...(clientCA === undefined ? {} : { clientCA }),
    ...(requestHeaderCA === undefined
      ? {}
      : {
          requestHeader: {
            clientCA: requestHeaderCA,
            allowedNames: values['requestheader-allowed-names'],
            usernameHeaders: values['requestheader-username-headers'],
            groupHeaders: values['requestheader-group-headers'],
            uidHeaders: values['requestheader-uid-headers'],
            extraHeaderPrefixes: values['requestheader-extra-headers-prefix'],
          },
        }),
    ...authentication,
    bootstrapTokenAuth: values['enable-bootstrap-token-auth'],
    staticTokens,
    apiAudiences: values['api-audiences'],
    ...authorization,
    admission,
    network: { serviceClusterIPRanges, nodePortRange },
    controllers: {
      ...defaults.controllers,
      selection: controllers,
      ...(rootCA === undefined && ownCA === undefined ? {} : { rootCA: (rootCA ?? ownCA) as string }),
      ...(signing.certificate === undefined || signing.key === undefined
        ? {}
        : { clusterSigning: { certificate: signing.certificate, key: signing.key } }),
      ...(secretTokenKey === undefined ? {} : { secretTokenKey }),
      clusterSigningDurationSeconds: values['cluster-signing-duration'],
      legacyTokens: values['legacy-tokens'],
      legacyTokenCleanUpSeconds: values['legacy-service-account-token-clean-up-period'],
      concurrency,
    },
    emulatedMinor,
    eventTtlSeconds: values['event-ttl'],
    requestTimeoutSeconds: values['request-timeout'],
    minRequestTimeoutSeconds: values['min-request-timeout'],
    shutdownDelaySeconds: values['shutdown-delay-duration'],
    maxRequestsInflight: values['max-requests-inflight'],
    maxMutatingRequestsInflight: values['max-mutating-requests-inflight'],
    enablePriorityAndFairness: values['enable-priority-and-fairness'],
    corsAllowedOrigins: values['cors-allowed-origins'],
    allowPrivileged: values['allow-privileged'],
    runtimeConfig,
    ...(audit === undefined ? {} : { audit }),
  }
  return { options, notices }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0)
}

function otherFlags(parsed: Parsed<typeof SERVE_FLAGS>, problems: string[], notices: string[]): void {
  const values = parsed.values as Record<string, unknown>
  for (const name of parsed.given) {
    const refused = REFUSED_FLAGS[name]
    if (refused !== undefined && !(Object.hasOwn(HARMLESS_VALUES, name) && values[name] === HARMLESS_VALUES[name]))
      problems.push(`--${name} is refused: ${refused.reason}`)
    const ignored = FLAGS_WITHOUT_EFFECT[name]
    if (ignored !== undefined) notices.push(`--${name} has no effect: ${ignored.reason}`)
  }
}

type Read = (flag: string, path: string | undefined) => string | undefined

function storeOptions(values: Values, read: Read, dataDir: string, problems: string[]): ServerOptions['store'] | undefined {
  const servers = values['etcd-servers']
  if (servers.length === 0) {
    for (const flag of ['etcd-cafile', 'etcd-certfile', 'etcd-keyfile'] as const)
      if (isGiven(values[flag])) problems.push(`--${flag} means nothing without --etcd-servers`)
    return { kind: 'embedded', dataDir }
  }
  if (values['data-dir'] !== undefined) problems.push('--etcd-servers and --data-dir are two stores; choose one')
  for (const server of servers)
    if (!/^https?:\/\/[^/\s]+$/.test(server)) problems.push(`--etcd-servers: ${server} is no URL such as https://127.0.0.1:2379`)
  const prefix = `/${values['etcd-prefix'].replace(/^\/+|\/+$/g, '')}`
  const ca = certificateText('etcd-cafile', read('etcd-cafile', values['etcd-cafile']), problems)
  const certificate = certificateText('etcd-certfile', read('etcd-certfile', values['etcd-certfile']), problems)
  const key = keyText('etcd-keyfile', read('etcd-keyfile', values['etcd-keyfile']), 'private', problems)
  return {
    kind: 'etcd',
    servers,
    prefix,
    compactionIntervalSeconds: values['etcd-compaction-interval'],
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
  }
}

function certificateText(flag: string, text: string | undefined, problems: string[]): string | undefined {
  if (text === undefined) return undefined
  try {
    new X509Certificate(text)
    return text
  } catch {
    problems.push(`--${flag}: there is no PEM certificate in the file`)
    return undefined
  }
}

/** Keys are only tried; the text goes on. */
function keyText(flag: string, text: string | undefined, kind: 'private' | 'public', problems: string[]): string | undefined {
  if (text === undefined) return undefined
  try {
    if (kind === 'private') createPrivateKey(text)
    else createPublicKey(text)
    return text
  } catch {
    problems.push(`--${flag}: there is no ${kind === 'private' ? 'private key' : 'key'} in PEM in the file`)
    return undefined
  }
}

function tlsOptions(values: Values, read: Read, problems: string[]): TlsOptions | undefined {
  const minVersion = { VersionTLS12: 'TLSv1.2', VersionTLS13: 'TLSv1.3' }[values['tls-min-version']] as TlsOptions['minVersion'] | undefined
  if (minVersion === undefined) problems.push(`--tls-min-version=${values['tls-min-version']}: VersionTLS12 or VersionTLS13`)
  const sni = (values['tls-sni-cert-key'] ?? []).flatMap((text) => {
    const [paths = '', names = ''] = text.split(':')
    const [certificateFile, keyFile] = paths.split(',')
    const certificate = certificateText('tls-sni-cert-key', read('tls-sni-cert-key', certificateFile), problems)
    const key = keyText('tls-sni-cert-key', read('tls-sni-cert-key', keyFile), 'private', problems)
    if (certificate === undefined || key === undefined) {
      problems.push(`--tls-sni-cert-key=${text}: certificate.crt,key.key or certificate.crt,key.key:name,name is needed`)
      return []
    }
    return [{ certificate, key, names: names === '' ? namesOf(certificate) : names.split(',') }]
  })
  const certificate = certificateText('tls-cert-file', read('tls-cert-file', values['tls-cert-file']), problems)
  const key = keyText('tls-private-key-file', read('tls-private-key-file', values['tls-private-key-file']), 'private', problems)
  if (certificate === undefined || key === undefined) return undefined
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
    problems.push('--tls-private-key-file is not the key of --tls-cert-file')
  return { certificate, key, sni, minVersion: minVersion ?? 'TLSv1.2', cipherSuites: values['tls-cipher-suites'] }
}

/** Who a certificate is for where nobody says so. @see dynamiccertificates/named_certificates.go, getCertificateNames */
function namesOf(certificate: string): string[] {
  const { subject, subjectAltName = '' } = new X509Certificate(certificate)
  const commonName = /^CN=(.*)$/m.exec(subject)?.[1] ?? ''
  const domain = /^(?:\*|(?:\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$/
  const alternatives = [...subjectAltName.matchAll(/DNS:([^,]+)/g)].map(([, name]) => name as string)
  return isIP(commonName) === 0 && domain.test(commonName) ? [commonName, ...alternatives] : alternatives
}

async function withOwnCertificate(values: Values, surroundings: Surroundings, dataDir: string): Promise<TlsOptions & { ownCA: string }> {
  const names = ['localhost', values['bind-address'], values['advertise-address'], values['external-hostname']].filter(
    (name) => name !== undefined,
  )
  const { certificate, key, ca } = await surroundings.ownIdentity(values['cert-dir'] ?? `${dataDir}/pki`, names)
  const minVersion = values['tls-min-version'] === 'VersionTLS13' ? 'TLSv1.3' : 'TLSv1.2'
  return { certificate, key, sni: [], minVersion, cipherSuites: values['tls-cipher-suites'], ownCA: ca }
}

/** @see pkg/kubeapiserver/options/authentication.go, Validate */
export function checkIssuers(values: Pick<Values, 'service-account-issuer' | 'service-account-jwks-uri'>, problems: string[]): void {
  const issuers = values['service-account-issuer']
  for (const issuer of issuers) {
    if (issuer === '') problems.push('--service-account-issuer: an issuer cannot be empty')
    else if (issuer.includes(':') && !URL.canParse(issuer))
      problems.push(`--service-account-issuer=${issuer}: with a colon in it, it has to be a URL`)
  }
  if (new Set(issuers).size < issuers.length) problems.push('--service-account-issuer names one issuer twice')
  const jwks = values['service-account-jwks-uri']
  if (jwks !== undefined && (!URL.canParse(jwks) || new URL(jwks).protocol !== 'https:'))
    problems.push(`--service-account-jwks-uri=${jwks}: an https URL is needed`)
}

/** Exactly as they are written: a group with a space behind it is another group. */
function staticTokensOf(values: Values, read: Read, problems: string[]): StaticToken[] {
  const path = values['token-auth-file']
  if (path === undefined) return []
  if (!values['unsafe-static-tokens'])
    problems.push('--token-auth-file needs --unsafe-static-tokens: such tokens never expire and cannot be revoked without a restart')
  try {
    const users = parseTokenFile(read('token-auth-file', path) ?? '', path)
    return [...users].map(([token, { username, uid = '', groups }]) => ({ token, username, uid, groups }))
  } catch (error) {
    problems.push(`--token-auth-file: ${(error as Error).message}`)
    return []
  }
}

function admissionOptions(values: Values, problems: string[]): ServerOptions['admission'] {
  const enable = values['enable-admission-plugins']
  const disable = values['disable-admission-plugins']
  for (const name of [...enable, ...disable])
    if (!ADMISSION_PLUGINS.includes(name)) problems.push(`admission plugin ${unknownName(name, ADMISSION_PLUGINS)}`)
  for (const name of enable)
    if (disable.includes(name)) problems.push(`--enable-admission-plugins and --disable-admission-plugins both name ${name}`)
  return {
    enable,
    disable,
    defaultNotReadyTolerationSeconds: values['default-not-ready-toleration-seconds'],
    defaultUnreachableTolerationSeconds: values['default-unreachable-toleration-seconds'],
  }
}

/** Old names become the present ones. */
function controllerSelection(selection: readonly string[], problems: string[]): string[] {
  return selection.map((word) => {
    const minus = word.startsWith('-') ? '-' : ''
    const written = word.slice(minus.length)
    const name = Object.hasOwn(CONTROLLER_ALIASES, written) ? (CONTROLLER_ALIASES[written] as string) : written
    if (name !== '*' && !CONTROLLER_NAMES.includes(name)) problems.push(`--controllers: ${unknownName(written, CONTROLLER_NAMES)}`)
    return `${minus}${name}`
  })
}

/** The minor of `1.34` or `kube=1.34`. */
export function emulatedMinorOf(versions: readonly string[], problems: string[]): number {
  let minor = MAX_EMULATED_MINOR - 2
  for (const version of versions) {
    const match = /^(?:kube=)?1\.(\d+)$/.exec(version)
    minor = Number(match?.[1])
    if (match === null || minor < MIN_EMULATED_MINOR || minor > MAX_EMULATED_MINOR)
      problems.push(`--emulated-version=${version}: 1.${MIN_EMULATED_MINOR} to 1.${MAX_EMULATED_MINOR}`)
  }
  return minor
}

function runtimeConfigOf(config: Readonly<Record<string, string>>, problems: string[]): Record<string, boolean> {
  const result: Record<string, boolean> = {}
  for (const [name, value] of Object.entries(config)) {
    if (value !== 'true' && value !== 'false') problems.push(`--runtime-config: ${name}=${value} is neither true nor false`)
    if (name !== 'v1' && !/^(?:api\/(?:all|ga|beta|alpha)|[a-z0-9.-]+\/v\d+(?:(?:alpha|beta)\d+)?(?:\/[a-z]+)?)$/.test(name))
      problems.push(`--runtime-config: ${name} is no group and version, and no resource of one`)
    result[name] = value === 'true'
  }
  return result
}

function serviceRanges(text: string, problems: string[]): string[] {
  const ranges = text.split(',').map((range) => range.trim())
  const families = ranges.map((range) => {
    const [address = '', bits = ''] = range.split('/')
    const family = isIP(address)
    const width = family === 6 ? 128 : 32
    if (family === 0 || !/^\d+$/.test(bits) || Number(bits) > width) problems.push(`--service-cluster-ip-range: ${range} is no CIDR`)
    else if (width - Number(bits) < 3) problems.push(`--service-cluster-ip-range: ${range} is too small; eight addresses at least`)
    return family
  })
  if (ranges.length > 2) problems.push('--service-cluster-ip-range: two ranges at most')
  else if (ranges.length === 2 && families[0] === families[1])
    problems.push('--service-cluster-ip-range: two ranges have to be of different IP families')
  return ranges
}

/** @see apimachinery/pkg/util/net/port_range.go */
function nodePorts(text: string, problems: string[]): { from: number; to: number } {
  const [, first, separator, second] = /^\s*(\d+)(?:([-+])(\d+))?\s*$/.exec(text) ?? []
  const from = Number(first)
  const to = separator === '-' ? Number(second) : separator === '+' ? from + Number(second) : from
  if (first === undefined || to > 65_535 || to < from)
    problems.push(`--service-node-port-range=${text}: a range such as 30000-32767 is needed`)
  return { from, to }
}

function checkNumbers(values: Values, problems: string[]): void {
  const atLeast = (flag: keyof Values & string, least: number): void => {
    if ((values[flag] as number) < least) problems.push(`--${flag}: ${least} at least`)
  }
  if (values['secure-port'] < 0 || values['secure-port'] > 65_535) problems.push('--secure-port: between 0 (any free one) and 65535')
  for (const flag of ['bind-address', 'advertise-address'] as const) {
    const address = values[flag]
    if (address !== undefined && isIP(address) === 0) problems.push(`--${flag}=${address}: an IP address is needed`)
  }
  for (const flag of [
    'max-requests-inflight',
    'max-mutating-requests-inflight',
    'shutdown-delay-duration',
    'etcd-compaction-interval',
  ] as const)
    atLeast(flag, 0)
  for (const flag of ['request-timeout', 'min-request-timeout', 'event-ttl', 'cluster-signing-duration'] as const) atLeast(flag, 1)
  for (const flag of ['default-not-ready-toleration-seconds', 'default-unreachable-toleration-seconds'] as const) atLeast(flag, 0)
  if (values.nodes !== 0) problems.push('--nodes: podpass runs no nodes; 0 leaves them to others')
  if (values.scheduler) problems.push('--scheduler: podpass schedules no pods; false leaves them to another scheduler')
  if (values['enable-priority-and-fairness'] && values['max-requests-inflight'] + values['max-mutating-requests-inflight'] === 0)
    problems.push('--max-requests-inflight and --max-mutating-requests-inflight: one has to be above 0')
  for (const origin of values['cors-allowed-origins']) {
    try {
      new RegExp(origin)
    } catch {
      problems.push(`--cors-allowed-origins: ${origin} is no regular expression`)
    }
    // As upstream: else https://example.org.evil.test would match what was meant for example.org.
    if (!/\^|\/\//.test(origin) || !/[$:]/.test(origin))
      problems.push(`--cors-allowed-origins: ${origin} has to pin the start (^ or //) and the end ($ or :) of the host`)
  }
}
