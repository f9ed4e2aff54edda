/**
 * Kubernetes' library of named formats: `format.dns1123Label().validate(text)` is none when the text fits, or a list of what is wrong.
 *
 * @see apiserver/pkg/cel/library/format.go
 * @module
 */
import { dns1035LabelErrors, dns1123LabelErrors, dns1123SubdomainErrors, labelValueErrors, qualifiedNameErrors } from '../api/names.ts'
import { type Calls, typed } from './call.ts'
import { noOverload, type Opaque, Optional } from './values.ts'

class Format implements Opaque {
  readonly celType = 'kubernetes.NamedFormat'
  readonly name: string
  readonly errors: (text: string) => readonly string[]
  constructor(name: string, errors: (text: string) => readonly string[]) {
    this.name = name
    this.errors = errors
  }
  equals(other: unknown): boolean {
    return other instanceof Format && other.name === this.name
  }
}

const UUID = /^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$/
const withoutDash = (text: string) => (text.endsWith('-') ? `${text.slice(0, -1)}a` : text)

function shape(fits: (text: string) => boolean, wrong: string): (text: string) => readonly string[] {
  return (text) => (fits(text) ? [] : [wrong])
}

const FORMATS: ReadonlyMap<string, Format> = new Map(
  (
    [
      ['dns1123Label', dns1123LabelErrors],
      ['dns1123Subdomain', dns1123SubdomainErrors],
      ['dns1035Label', dns1035LabelErrors],
      ['qualifiedName', qualifiedNameErrors],
      ['dns1123LabelPrefix', (text) => dns1123LabelErrors(withoutDash(text))],
      ['dns1123SubdomainPrefix', (text) => dns1123SubdomainErrors(withoutDash(text))],
      ['dns1035LabelPrefix', (text) => dns1035LabelErrors(withoutDash(text))],
      ['labelValue', labelValueErrors],
      ['uri', shape((text) => URL.canParse(text) || /^\/[^\s]*$/.test(text), 'invalid URI')],
      ['uuid', shape((text) => UUID.test(text), 'does not match the UUID format')],
      ['byte', shape((text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text), 'invalid base64')],
      ['date', shape((text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`)), 'invalid date')],
      [
        'datetime',
        shape((text) => /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/.test(text), 'invalid datetime'),
      ],
    ] satisfies [string, (text: string) => readonly string[]][]
  ).map(([name, errors]) => [name, new Format(name, errors)]),
)

export const FORMAT_FUNCTIONS: Calls = [
  ...[...FORMATS].map(([name, format]) => typed(`format.${name}`, [], () => format)),
  typed('format.named', ['string'], ([name]) => {
    const found = FORMATS.get(name as string)
    return found === undefined ? Optional.NONE : new Optional(found)
  }),
]

export const FORMAT_METHODS: Calls = [
  [
    'validate',
    ([format, text], spend) => {
      if (!(format instanceof Format) || typeof text !== 'string') throw noOverload('validate', format, text)
      spend(text.length)
      const errors = format.errors(text)
      return errors.length === 0 ? Optional.NONE : new Optional(errors)
    },
  ],
]
