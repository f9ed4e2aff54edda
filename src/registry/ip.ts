/**
 * IP addresses and CIDR blocks: parsing as leniently as old fields must, judging as strictly as new values must be.
 *
 * @see apimachinery/pkg/util/validation/ip.go
 * @see k8s.io/utils/net
 * @module
 */
import { type FieldError, invalidValue } from '../api/field.ts'
import { quote } from '../api/status.ts'

export interface IP {
  /** 4 also for an IPv4-mapped IPv6 address, as Go treats it. */
  family: 4 | 6
  /** The address as a number of 32 or 128 bits. */
  value: bigint
  /** Written with leading zeros, which other programs read as octal. */
  leadingZeros: boolean
  /** Written as `::ffff:…`. */
  mapped: boolean
}

export interface CIDR {
  family: 4 | 6
  /** First address of the block. */
  base: bigint
  bits: number
  /** The address as written, bits beyond the prefix included. */
  address: IP
  leadingZeros: boolean
}

/** Undefined when `text` is no address; IPv4 octets may have leading zeros. */
export function parseIP(text: string): IP | undefined {
  return text.includes(':') ? parseIPv6(text) : parseIPv4(text)
}

export function parseCIDR(text: string): CIDR | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const address = parseIP(text.slice(0, slash))
  const prefix = text.slice(slash + 1)
  if (address === undefined || !/^[0-9]{1,4}$/.test(prefix)) return undefined
  const written = Number(prefix)
  const width = text.includes(':') ? 128 : 32
  if (written > width) return undefined
  // A block of mapped addresses is one of IPv4 when it is small enough to hold nothing else.
  const family = address.mapped && written < 96 ? 6 : address.family
  const bits = address.mapped && family === 4 ? written - 96 : written
  const value = address.mapped && family === 6 ? (0xffffn << 32n) | address.value : address.value
  const hostBits = BigInt((family === 4 ? 32 : 128) - bits)
  return {
    family,
    base: (value >> hostBits) << hostBits,
    bits,
    address,
    leadingZeros: address.leadingZeros || (prefix.length > 1 && prefix.startsWith('0')),
  }
}

export function cidrContains(block: CIDR, ip: IP): boolean {
  if (block.family !== ip.family) return false
  const hostBits = BigInt((block.family === 4 ? 32 : 128) - block.bits)
  return ip.value >> hostBits === block.base >> hostBits
}

/** Canonical text: dotted, or RFC 5952. */
export function formatIP(ip: { family: 4 | 6; value: bigint }): string {
  if (ip.family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((ip.value >> shift) & 0xffn)).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => Number((ip.value >> BigInt(112 - 16 * index)) & 0xffffn))
  const run = longestZeroRun(groups)
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  return run === undefined ? text(0, 8) : `${text(0, run.from)}::${text(run.to, 8)}`
}

export function formatCIDR(block: { family: 4 | 6; base: bigint; bits: number }): string {
  return `${formatIP({ family: block.family, value: block.base })}/${block.bits}`
}

export function isIPv6(text: string): boolean {
  return parseIP(text)?.family === 6
}

/** For fields older than strict checks. `before` holds values of the stored object, which stay acceptable. */
export function validateLegacyIP(field: string, text: string, before: readonly string[] = []): FieldError[] {
  return before.includes(text) ? [] : strictIPErrors(field, text)
}

/** For new fields: strict and canonical. */
export function validateIP(field: string, text: string): FieldError[] {
  const errors = strictIPErrors(field, text)
  const ip = parseIP(text)
  if (errors.length > 0 || ip === undefined) return errors
  const canonical = formatIP(ip)
  return canonical === text ? [] : [invalidValue(field, text, `must be in canonical form (${quote(canonical)})`)]
}

export function validateLegacyCIDR(field: string, text: string, before: readonly string[] = []): FieldError[] {
  return before.includes(text) ? [] : strictCIDRErrors(field, text)
}

export function validateCIDR(field: string, text: string): FieldError[] {
  const errors = strictCIDRErrors(field, text)
  const block = parseCIDR(text)
  if (errors.length > 0 || block === undefined) return errors
  const canonical = formatCIDR(block)
  return canonical === text ? [] : [invalidValue(field, text, `must be in canonical form (${quote(canonical)})`)]
}

/** Warnings for a value that is accepted though it should be written otherwise. */
export function ipWarnings(field: string, text: string): string[] {
  const ip = parseIP(text)
  if (ip === undefined) return []
  const canonical = formatIP(ip)
  if (ip.leadingZeros || ip.mapped) return [`${field}: non-standard IP address ${quote(text)} is invalid: use ${quote(canonical)}`]
  if (ip.family === 6 && canonical !== text)
    return [`${field}: IPv6 address ${quote(text)} should be in RFC 5952 canonical format (${quote(canonical)})`]
  return []
}

export function cidrWarnings(field: string, text: string): string[] {
  const block = parseCIDR(text)
  if (block === undefined) return []
  const canonical = formatCIDR(block)
  const warnings: string[] = []
  if (block.address.value !== block.base) {
    const single = `${formatIP(block.address)}/${block.family === 4 ? 32 : 128}`
    warnings.push(`${field}: CIDR value ${quote(text)} is ambiguous in this context (should be ${quote(canonical)} or ${quote(single)}?)`)
  }
  if (block.leadingZeros || block.address.mapped)
    warnings.push(`${field}: non-standard CIDR value ${quote(text)} is invalid: use ${quote(canonical)}`)
  if (warnings.length === 0 && block.family === 6 && canonical !== text) {
    warnings.push(`${field}: IPv6 CIDR value ${quote(text)} should be in RFC 5952 canonical format (${quote(canonical)})`)
  }
  return warnings
}

/** Whether exactly two texts hold one address, or one block, of each family. */
export function isDualStack(texts: readonly string[]): boolean {
  const families = new Set(texts.map((text) => (text.includes('/') ? parseCIDR(text)?.family : parseIP(text)?.family)))
  return families.size > 1
}

/** Addresses that no endpoint, and for historical reasons no external IP, may have. */
export function validateEndpointIP(text: string, field: string): FieldError[] {
  const ip = parseIP(text)
  if (ip === undefined) return [invalidValue(field, text, 'must be a valid IP address')]
  const errors: FieldError[] = []
  const four = ip.family === 4
  if (ip.value === 0n) errors.push(invalidValue(field, text, `may not be unspecified (${text})`))
  if (four ? ip.value >> 24n === 127n : ip.value === 1n)
    errors.push(invalidValue(field, text, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'))
  if (four ? ip.value >> 16n === 0xa9fen : ip.value >> 118n === 0x3fan) {
    errors.push(invalidValue(field, text, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'))
  }
  if (four ? ip.value >> 8n === 0xe00000n : (ip.value >> 112n) % 0x10n === 2n && ip.value >> 120n === 0xffn) {
    errors.push(invalidValue(field, text, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'))
  }
  return errors
}

function strictIPErrors(field: string, text: string): FieldError[] {
  const ip = parseIP(text)
  if (ip === undefined) return [invalidValue(field, text, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')]
  if (ip.leadingZeros) return [invalidValue(field, text, 'must not have leading 0s')]
  if (ip.mapped) return [invalidValue(field, text, 'must not be an IPv4-mapped IPv6 address')]
  return []
}

function strictCIDRErrors(field: string, text: string): FieldError[] {
  const block = parseCIDR(text)
  if (block === undefined) return [invalidValue(field, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')]
  if (block.leadingZeros) return [invalidValue(field, text, 'must not have leading 0s in IP or prefix length')]
  if (block.address.mapped) return [invalidValue(field, text, 'must not have an IPv4-mapped IPv6 address')]
  if (block.address.value !== block.base) return [invalidValue(field, text, 'must not have bits set beyond the prefix length')]
  return []
}

function parseIPv4(text: string): IP | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^[0-9]+$/.test(part) && part.length < 20 && Number(part) <= 255)) return undefined
  return {
    family: 4,
    value: parts.reduce((value, part) => (value << 8n) | BigInt(Number(part)), 0n),
    leadingZeros: parts.some((part) => part.length > 1 && part.startsWith('0')),
    mapped: false,
  }
}

function parseIPv6(text: string): IP | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const left = groupsOf(halves[0] ?? '', halves.length === 1)
  const right = halves.length === 2 ? groupsOf(halves[1] ?? '', true) : { groups: [], leadingZeros: false }
  if (left === undefined || right === undefined) return undefined
  const missing = 8 - left.groups.length - right.groups.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const groups = [...left.groups, ...Array<number>(missing).fill(0), ...right.groups]
  const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n)
  const leadingZeros = left.leadingZeros || right.leadingZeros
  if (value >> 32n === 0xffffn) return { family: 4, value: value & 0xffffffffn, leadingZeros, mapped: true }
  return { family: 6, value, leadingZeros, mapped: false }
}

/** `last` says that a dotted IPv4 address may end the text. */
function groupsOf(text: string, last: boolean): { groups: number[]; leadingZeros: boolean } | undefined {
  if (text === '') return { groups: [], leadingZeros: false }
  const groups: number[] = []
  const parts = text.split(':')
  let leadingZeros = false
  for (const [index, part] of parts.entries()) {
    if (last && index === parts.length - 1 && part.includes('.')) {
      const dotted = parseIPv4(part)
      if (dotted === undefined) return undefined
      leadingZeros = dotted.leadingZeros
      groups.push(Number(dotted.value >> 16n), Number(dotted.value & 0xffffn))
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return { groups, leadingZeros }
}

function longestZeroRun(groups: readonly number[]): { from: number; to: number } | undefined {
  let best: { from: number; to: number } | undefined
  for (let from = 0; from < groups.length; from++) {
    let to = from
    while (groups[to] === 0) to++
    if (to - from >= 2 && to - from > (best === undefined ? 0 : best.to - best.from)) best = { from, to }
    if (to > from) from = to
  }
  return best
}
