/**
 * Why a text is no IP address.
 *
 * @see Go, net/netip, ParseAddr
 * @module
 */

/** In Go's words, of a text that is no address. */
export function addressProblem(text: string): string {
  const separator = /[.:%]/.exec(text)?.[0]
  const problem =
    separator === undefined
      ? { why: 'unable to parse IP' }
      : separator === '%'
        ? { why: 'missing IPv6 address' }
        : separator === '.'
          ? problem4(text)
          : problem6(text)
  const at = problem.at === undefined || problem.at === '' ? '' : ` (at ${JSON.stringify(problem.at)})`
  return `ParseAddr(${JSON.stringify(text)}): ${problem.why}${at}`
}

interface Problem {
  why: string
  /** What is left of the text where it went wrong. */
  at?: string
}

function problem4(text: string): Problem {
  let value = 0
  let digits = 0
  let fields = 0
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string
    if (/\d/.test(character)) {
      if (digits === 1 && value === 0) return { why: 'IPv4 field has octet with leading zero' }
      value = value * 10 + Number(character)
      digits++
      if (value > 255) return { why: 'IPv4 field has value >255' }
    } else if (character === '.') {
      if (i === 0 || i === text.length - 1 || text[i - 1] === '.')
        return { why: 'IPv4 field must have at least one digit', at: text.slice(i) }
      if (fields === 3) return { why: 'IPv4 address too long' }
      fields++
      value = 0
      digits = 0
    } else return { why: 'unexpected character', at: text.slice(i) }
  }
  return { why: 'IPv4 address too short' }
}

function problem6(text: string): Problem {
  const zone = text.indexOf('%')
  if (zone === text.length - 1) return { why: 'zone must be a non-empty string' }
  let rest = zone === -1 ? text : text.slice(0, zone)
  let ellipsis = false
  if (rest.startsWith('::')) {
    ellipsis = true
    rest = rest.slice(2)
  }
  let bytes = 0
  while (bytes < 16 && rest !== '') {
    const [group = ''] = /^[0-9a-fA-F]*/.exec(rest) ?? []
    if (group.length > 4) return { why: 'each group must have 4 or less digits', at: rest }
    if (group === '') return { why: 'each colon-separated field must have at least one digit', at: rest }
    if (rest[group.length] === '.') return embedded(rest, bytes, ellipsis)
    bytes += 2
    rest = rest.slice(group.length)
    if (rest === '') break
    if (rest[0] !== ':') return { why: 'unexpected character, want colon', at: rest }
    if (rest.length === 1) return { why: 'colon must be followed by more characters', at: rest }
    rest = rest.slice(1)
    if (rest[0] === ':') {
      if (ellipsis) return { why: 'multiple :: in address', at: rest }
      ellipsis = true
      rest = rest.slice(1)
    }
  }
  if (rest !== '') return { why: 'trailing garbage after address', at: rest }
  return { why: bytes < 16 ? 'address string too short' : 'the :: must expand to at least one field of zeros' }
}

function embedded(rest: string, bytes: number, ellipsis: boolean): Problem {
  if (!ellipsis && bytes !== 12) return { why: 'embedded IPv4 address must replace the final 2 fields of the address', at: rest }
  if (bytes > 12) return { why: 'too many hex fields to fit an embedded IPv4 at the end of the address', at: rest }
  return problem4(rest)
}
