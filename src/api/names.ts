/**
 * What names, label keys and label values may look like, and upstream's words for what they do not.
 *
 * Every function answers the texts of what is wrong; nothing wrong is an empty list. Those that take `prefix` are name rules: with it the
 * name is a `generateName`, to which characters will be added.
 *
 * @see apimachinery/pkg/api/validate/content, apimachinery/pkg/util/validation/validation.go, apimachinery/pkg/api/validation/generic.go
 * @module
 */

/** A rule for the names of a kind. */
export type NameErrors = (name: string, prefix: boolean) => string[]

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
/** Pattern of a DNS-1123 subdomain. */
export const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?'
const LABEL_KEY = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const LABEL_VALUE = `(${LABEL_KEY})?`
const CONFIG_KEY = '[-._a-zA-Z0-9]+'

const labelShape = new RegExp(`^${LABEL}$`)
const subdomainShape = new RegExp(`^${SUBDOMAIN}$`)
const label1035Shape = new RegExp(`^${LABEL_1035}$`)
const labelKeyShape = new RegExp(`^${LABEL_KEY}$`)
const labelValueShape = new RegExp(`^${LABEL_VALUE}$`)
const configKeyShape = new RegExp(`^${CONFIG_KEY}$`)

const KEY_RULE = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"

/** How a text misses its pattern. The two blanks before each `or` are upstream's. */
export function regexText(rule: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${rule} (regex used for validation is '${pattern}')`
  return `${rule} (e.g. ${examples.map((example) => `'${example}', `).join(' or ')}regex used for validation is '${pattern}')`
}

const SUBDOMAIN_ERROR = regexText(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  SUBDOMAIN,
  'example.com',
)
const KEY_ERROR = regexText(KEY_RULE, LABEL_KEY, 'MyName', 'my.name', '123-abc')

/** A DNS-1123 label: at most 63 lower case alphanumerics and dashes. */
export function dns1123LabelErrors(text: string): string[] {
  const errors = tooLong(text, 63, 'characters')
  if (labelShape.test(text)) return errors
  if (subdomainShape.test(text)) errors.push('must not contain dots')
  else {
    errors.push(
      regexText(
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
        LABEL,
        'my-name',
        '123-abc',
      ),
    )
  }
  return errors
}

/** A DNS-1123 subdomain: labels joined by dots, at most 253 characters. */
export function dns1123SubdomainErrors(text: string): string[] {
  return subdomainErrors(text, 'characters')
}

function subdomainErrors(text: string, unit: 'bytes' | 'characters'): string[] {
  const errors = tooLong(text, 253, unit)
  if (!subdomainShape.test(text)) errors.push(SUBDOMAIN_ERROR)
  return errors
}

/** A DNS-1035 label: like a DNS-1123 label, but it starts with a letter. */
export function dns1035LabelErrors(text: string): string[] {
  const errors = tooLong(text, 63, 'characters')
  if (!label1035Shape.test(text)) {
    errors.push(
      regexText(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        LABEL_1035,
        'my-name',
        'abc-123',
      ),
    )
  }
  return errors
}

/** `[prefix/]name`: label keys, annotation keys in lower case, finalizers, resource names. */
export function qualifiedNameErrors(text: string): string[] {
  const parts = text.split('/')
  if (parts.length > 2) return [`a valid label key ${KEY_ERROR} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
  const name = parts.pop() as string
  const prefix = parts[0]
  const errors: string[] = []
  if (prefix === '') errors.push('prefix part must be non-empty')
  else if (prefix !== undefined) for (const error of subdomainErrors(prefix, 'bytes')) errors.push(`prefix part ${error}`)
  if (name === '') errors.push('name part must be non-empty')
  else for (const error of tooLong(name, 63, 'bytes')) errors.push(`name part ${error}`)
  if (!labelKeyShape.test(name)) errors.push(`name part ${KEY_ERROR}`)
  return errors
}

/** A label's value: empty, or at most 63 alphanumerics, dashes, underscores and dots. */
export function labelValueErrors(text: string): string[] {
  const errors = tooLong(text, 63, 'bytes')
  if (!labelValueShape.test(text)) {
    errors.push(
      regexText(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        LABEL_VALUE,
        'MyValue',
        'my_value',
        '12345',
      ),
    )
  }
  return errors
}

/** A key of a ConfigMap or Secret. */
export function configKeyErrors(text: string): string[] {
  const errors = tooLong(text, 253, 'characters')
  if (!configKeyShape.test(text)) {
    errors.push(
      regexText(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        CONFIG_KEY,
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    )
  }
  if (text === '.') errors.push("must not be '.'")
  else if (text === '..') errors.push("must not be '..'")
  else if (text.startsWith('..')) errors.push("must not start with '..'")
  return errors
}

/** Anything that fits between two slashes of a URL: the names of RBAC kinds and signing requests. */
export function pathSegmentErrors(name: string, prefix = false): string[] {
  if (!prefix && (name === '.' || name === '..')) return [`may not be '${name}'`]
  const errors: string[] = []
  for (const character of ['/', '%']) if (name.includes(character)) errors.push(`may not contain '${character}'`)
  return errors
}

/** The name rule of most kinds: a DNS-1123 subdomain. */
export const subdomainName: NameErrors = (name, prefix) => dns1123SubdomainErrors(prefix ? withoutDash(name) : name)

/** The name rule of namespaces and stateful sets: a DNS-1123 label. */
export const labelName: NameErrors = (name, prefix) => dns1123LabelErrors(prefix ? withoutDash(name) : name)

/** The name rule of services before 1.36: a DNS-1035 label. */
export const label1035Name: NameErrors = (name, prefix) => dns1035LabelErrors(prefix ? withoutDash(name) : name)

/** What is generated behind a dash makes the dash legal. */
function withoutDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name
}

function tooLong(text: string, max: number, unit: 'bytes' | 'characters'): string[] {
  return text.length > max || Buffer.byteLength(text) > max ? [`must be no more than ${max} ${unit}`] : []
}
