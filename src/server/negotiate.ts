/**
 * Which form of an answer a client wants.
 *
 * @see apiserver/pkg/endpoints/handlers/negotiation/negotiate.go
 * @module
 */
import { failure, type StatusError } from '../api/status.ts'

export type MediaType = 'application/json' | 'application/yaml' | 'application/vnd.kubernetes.protobuf'

export interface Format {
  media: MediaType
  /** Another shape of the same object. */
  transform: 'none' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'
  /** Of meta.k8s.io, for a transform. */
  transformVersion: 'v1' | 'v1beta1'
  pretty: boolean
  /** Same text for the same format: names an encoding that several clients share. */
  id: string
}

const OBJECT_TYPES: readonly MediaType[] = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']
const WATCH_TYPES: readonly MediaType[] = ['application/json', 'application/vnd.kubernetes.protobuf']
/** As the refusal of a watch names them. */
const STREAM_TYPES = WATCH_TYPES.map((type) => `${type};stream=watch`)
const TRANSFORMS = new Set(['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'])

export const PLAIN_JSON: Format = format('application/json', 'none', 'v1', false)
export const PRETTY_JSON: Format = format('application/json', 'none', 'v1', true)

function format(media: MediaType, transform: Format['transform'], transformVersion: Format['transformVersion'], pretty: boolean): Format {
  return { media, transform, transformVersion, pretty, id: `${media};${transform};${transformVersion};${pretty}` }
}

interface Clause {
  type: string
  parameters: Map<string, string>
  quality: number
}

const clauseCache = new Map<string, Clause[]>()
const CLAUSE_CACHE_SIZE = 1000

/** Of an Accept header, best first. */
export function clausesOf(accept: string): readonly Clause[] {
  const known = clauseCache.get(accept)
  if (known !== undefined) return known
  const clauses = accept.split(',').flatMap((text) => {
    const [type = '', ...parameters] = text.split(';').map((part) => part.trim())
    if (type === '') return []
    const clause: Clause = { type, parameters: new Map(), quality: 1 }
    for (const parameter of parameters) {
      const equals = parameter.indexOf('=')
      const name = equals === -1 ? parameter : parameter.slice(0, equals)
      const value = equals === -1 ? '' : parameter.slice(equals + 1)
      if (name === 'q') clause.quality = Number(value)
      else clause.parameters.set(name, value)
    }
    return [clause]
  })
  clauses.sort((a, b) => b.quality - a.quality)
  if (clauseCache.size >= CLAUSE_CACHE_SIZE) clauseCache.clear()
  clauseCache.set(accept, clauses)
  return clauses
}

export interface NegotiationOptions {
  watch: boolean
  /** False for answers that upstream makes no table of: those of actions. */
  table: boolean
  /** False for kinds without a wire format; their metadata has one. */
  protobuf: boolean
  pretty: boolean
}

/** The first acceptable form; throws the 406 that lists the possible ones. */
export function negotiate(accept: string, options: NegotiationOptions): Format {
  if (accept === '' || accept === 'application/json' || accept === '*/*') return options.pretty ? PRETTY_JSON : PLAIN_JSON
  const types = options.watch ? WATCH_TYPES : OBJECT_TYPES
  for (const { type, parameters } of clausesOf(accept)) {
    const media = types.find((one) => type === one || type === '*/*' || type === 'application/*')
    if (media === undefined) continue
    const as = parameters.get('as') ?? ''
    const pretty = options.pretty || parameters.get('pretty') === '1'
    if (as === '') {
      if (media === 'application/vnd.kubernetes.protobuf' && !options.protobuf) continue
      return format(media, 'none', 'v1', pretty)
    }
    const version = parameters.get('v') ?? ''
    if (
      (as === 'Table' && !options.table) ||
      !TRANSFORMS.has(as) ||
      (parameters.get('g') ?? '') !== 'meta.k8s.io' ||
      (version !== 'v1' && version !== 'v1beta1')
    )
      continue
    if (as === 'Table' && media === 'application/vnd.kubernetes.protobuf') continue
    return format(media, as as Format['transform'], version, pretty)
  }
  const offered = options.watch ? STREAM_TYPES : OBJECT_TYPES
  throw notAcceptable(options.protobuf ? offered : offered.filter((type) => !type.startsWith('application/vnd.kubernetes.protobuf')))
}

function notAcceptable(types: readonly string[]): StatusError {
  return failure(406, 'NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`)
}

/** `?pretty=` when it is there, else on for people's clients. */
export function wantsPretty(query: URLSearchParams, userAgent: string): boolean {
  if (query.size > 0) {
    const pretty = query.get('pretty')
    if (pretty !== null && pretty !== '') return ['1', 't', 'T', 'true', 'True', 'TRUE'].includes(pretty)
  }
  return userAgent.startsWith('curl') || userAgent.startsWith('Wget') || userAgent.startsWith('Mozilla/5.0')
}
