/**
 * The tag of a container image's name.
 *
 * @see pkg/util/parsers/parsers.go, github.com/distribution/reference
 * @module
 */

const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
const DOMAIN = String.raw`(?:${LABEL}(?:\.${LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?`
const PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}'
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}'
const REFERENCE = new RegExp(`^(?:(?:${DOMAIN})/)?(${PART}(?:/${PART})*)(?::(${TAG}))?(?:@(?:${DIGEST}))?$`)
const IDENTIFIER = /^[a-f0-9]{64}$/
/** Longer names are nobody's, and a bound keeps the expression cheap. */
const MAX_LENGTH = 1024

/**
 * The tag that decides the default pull policy: `latest` when the name has neither tag nor digest, `''` when it has only a digest or is
 * no image name at all.
 */
export function imageTag(image: string): string {
  if (image.length > MAX_LENGTH || IDENTIFIER.test(image)) return ''
  const match = REFERENCE.exec(image)
  if (match === null || match[1]!.length > 255) return ''
  return match[2] ?? (image.includes('@') ? '' : 'latest')
}
