/**
 * Kubernetes' IP and CIDR libraries.
 *
 * @see apiserver/pkg/cel/library/{ip,cidr}.go
 * @module
 */
import { isIPv4, isIPv6 } from 'node:net'
import { addressProblem } from './address-text.ts'
import { type Call, type Calls, parsing } from './call.ts'
import { CelError, noOverload, type Opaque } from './values.ts'

export class IP implements Opaque {
  readonly celType = 'net.IP'
  readonly family: 4 | 6
  readonly value: bigint
  constructor(family: 4 | 6, value: bigint) {
    this.family = family
    this.value = value
  }
  equals(other: unknown): boolean {
    return other instanceof IP && other.family === this.family && other.value === this.value
  }
  toString(): string {
    return this.family === 4 ? text4(this.value) : text6(this.value)
  }
}

class CIDR implements Opaque {
  readonly celType = 'net.CIDR'
  readonly ip: IP
  readonly bits: number
  constructor(ip: IP, bits: number) {
    this.ip = ip
    this.bits = bits
  }
  equals(other: unknown): boolean {
    return other instanceof CIDR && other.bits === this.bits && other.ip.equals(this.ip)
  }
  toString(): string {
    return `${this.ip}/${this.bits}`
  }
  get size(): bigint {
    return BigInt((this.ip.family === 4 ? 32 : 128) - this.bits)
  }
  contains(ip: IP): boolean {
    return ip.family === this.ip.family && ip.value >> this.size === this.ip.value >> this.size
  }
  masked(): CIDR {
    return new CIDR(new IP(this.ip.family, (this.ip.value >> this.size) << this.size), this.bits)
  }
}

function text4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.')
}

/** RFC 5952: the longest run of two or more zero groups is left out. */
function text6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  let best = { at: -1, length: 1 }
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === '0') end++
    if (end - i > best.length) best = { at: i, length: end - i }
  }
  if (best.at === -1) return groups.join(':')
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`
}

function parse4(text: string): bigint {
  return text.split('.').reduce((value, part) => value * 256n + BigInt(part), 0n)
}

/** A text that is an address, or why it is none. Zones, leading zeros and IPv4 in IPv6 are not taken. */
function parseIP(text: string): IP | string {
  if (isIPv4(text)) return new IP(4, parse4(text))
  if (!isIPv6(text)) return `IP Address ${JSON.stringify(text)} parse error during conversion from string: ${addressProblem(text)}`
  if (text.includes('%')) return `IP address ${JSON.stringify(text)} with zone value is not allowed`
  if (text.includes('.')) return `IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`
  const [left = '', right] = text.split('::')
  const before = left === '' ? [] : left.split(':')
  const after = right === undefined || right === '' ? [] : right.split(':')
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after]
  const value = groups.reduce((all, group) => (all << 16n) | BigInt(`0x${group}`), 0n)
  if (value >> 32n === 0xffffn) return `IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`
  return new IP(6, value)
}

/** A text that is a range, or why it is none. */
function parseCIDR(text: string): CIDR | string {
  const slash = text.lastIndexOf('/')
  const bad = (why: string) => `${NOT_A_RANGE}: ${NOT_A_RANGE}: netip.ParsePrefix(${JSON.stringify(text)}): ${why}`
  if (slash === -1) return bad("no '/'")
  const [address, bits] = [text.slice(0, slash), text.slice(slash + 1)]
  const ip = parseIP(address)
  if (typeof ip === 'string') {
    if (!isIPv6(address)) return bad(addressProblem(address))
    if (address.includes('%')) return bad('IPv6 zones cannot be present in a prefix')
    return `${NOT_A_RANGE}: IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`
  }
  if (!/^(?:0|[1-9]\d{0,2})$/.test(bits)) return bad(`bad bits after slash: ${JSON.stringify(bits)}`)
  return Number(bits) > (ip.family === 4 ? 32 : 128) ? bad('prefix length out of range') : new CIDR(ip, Number(bits))
}

const NOT_A_RANGE = 'network address parse error during conversion from string'

function made<T>(value: T | string): T {
  if (typeof value === 'string') throw new CelError(value)
  return value
}

function ofIP(name: string, read: (ip: IP) => unknown): readonly [string, Call] {
  return [
    name,
    ([value, ...rest]) => {
      if (!(value instanceof IP) || rest.length > 0) throw noOverload(name, value, ...rest)
      return read(value)
    },
  ]
}

function ofCIDR(name: string, read: (cidr: CIDR) => unknown): readonly [string, Call] {
  return [
    name,
    ([value, ...rest]) => {
      if (!(value instanceof CIDR) || rest.length > 0) throw noOverload(name, value, ...rest)
      return read(value)
    },
  ]
}

const top = ({ family, value }: IP, bits: number) => value >> BigInt((family === 4 ? 32 : 128) - bits)

const isUnspecified = ({ value }: IP) => value === 0n
const isLoopback = (ip: IP) => (ip.family === 4 ? top(ip, 8) === 127n : ip.value === 1n)
const isLinkLocalUnicast = (ip: IP) => (ip.family === 4 ? top(ip, 16) === 0xa9fen : top(ip, 10) === 0x3fan)
const isLinkLocalMulticast = (ip: IP) =>
  ip.family === 4 ? top(ip, 24) === 0xe00000n : (ip.value >> 112n) % 16n === 2n && top(ip, 8) === 0xffn
const isMulticast = (ip: IP) => (ip.family === 4 ? top(ip, 4) === 14n : top(ip, 8) === 0xffn)
const isBroadcast = ({ family, value }: IP) => family === 4 && value === 0xffffffffn
const isGlobalUnicast = (ip: IP) => !isUnspecified(ip) && !isLoopback(ip) && !isMulticast(ip) && !isLinkLocalUnicast(ip) && !isBroadcast(ip)

export const ADDRESS_FUNCTIONS: Calls = [
  parsing('isIP', ['string'], ([text]) => typeof parseIP(text as string) !== 'string'),
  parsing('ip', ['string'], ([text]) => made(parseIP(text as string))),
  parsing('ip.isCanonical', ['string'], ([text]) => String(made(parseIP(text as string))) === text),
  parsing('isCIDR', ['string'], ([text]) => typeof parseCIDR(text as string) !== 'string'),
  parsing('cidr', ['string'], ([text]) => made(parseCIDR(text as string))),
]

export const ADDRESS_METHODS: Calls = [
  ofIP('family', ({ family }) => BigInt(family)),
  ofIP('isUnspecified', isUnspecified),
  ofIP('isLoopback', isLoopback),
  ofIP('isLinkLocalMulticast', isLinkLocalMulticast),
  ofIP('isLinkLocalUnicast', isLinkLocalUnicast),
  ofIP('isGlobalUnicast', isGlobalUnicast),
  ofCIDR('ip', ({ ip }) => ip),
  ofCIDR('masked', (cidr) => cidr.masked()),
  ofCIDR('prefixLength', ({ bits }) => BigInt(bits)),
  [
    'containsIP',
    ([cidr, other]) => {
      const ip = typeof other === 'string' ? parseIP(other) : other
      if (typeof ip === 'string') throw new CelError('no such overload')
      if (!(cidr instanceof CIDR) || !(ip instanceof IP)) throw noOverload('containsIP', cidr, other)
      return cidr.contains(ip)
    },
  ],
  [
    'containsCIDR',
    ([cidr, other]) => {
      const inner = typeof other === 'string' ? made(parseCIDR(other)) : other
      if (!(cidr instanceof CIDR) || !(inner instanceof CIDR)) throw noOverload('containsCIDR', cidr, other)
      return inner.bits >= cidr.bits && cidr.contains(inner.ip)
    },
  ],
]
