import { describe, expect, test } from 'vitest'
import {
  configKeyErrors,
  dns1035LabelErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  label1035Name,
  labelName,
  labelValueErrors,
  pathSegmentErrors,
  qualifiedNameErrors,
  subdomainName,
} from './names.ts'

const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const LABEL_1035 =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
const KEY =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
const VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
const CONFIG_KEY =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

const cases: [rule: (text: string) => string[], text: string, errors: string[]][] = [
  [dns1123LabelErrors, 'a-1', []],
  [dns1123LabelErrors, 'a.b', ['must not contain dots']],
  [dns1123LabelErrors, 'A', [LABEL]],
  [dns1123LabelErrors, '', [LABEL]],
  [dns1123LabelErrors, 'a'.repeat(64), ['must be no more than 63 characters']],
  [dns1123SubdomainErrors, 'a.b-c.1', []],
  [dns1123SubdomainErrors, 'a..b', [SUBDOMAIN]],
  [dns1123SubdomainErrors, 'a'.repeat(254), ['must be no more than 253 characters']],
  [dns1123SubdomainErrors, 'é'.repeat(127), ['must be no more than 253 characters', SUBDOMAIN]],
  [dns1035LabelErrors, '1a', [LABEL_1035]],
  [qualifiedNameErrors, 'example.com/Name_1', []],
  [qualifiedNameErrors, '', ['name part must be non-empty', `name part ${KEY}`]],
  [qualifiedNameErrors, '/a', ['prefix part must be non-empty']],
  [qualifiedNameErrors, 'B/a', [`prefix part ${SUBDOMAIN}`]],
  [qualifiedNameErrors, 'a/', ['name part must be non-empty', `name part ${KEY}`]],
  [qualifiedNameErrors, 'a'.repeat(64), ['name part must be no more than 63 bytes']],
  [qualifiedNameErrors, 'a/b/c', [`a valid label key ${KEY} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]],
  [labelValueErrors, '', []],
  [labelValueErrors, 'a b', [VALUE]],
  [labelValueErrors, 'a'.repeat(64), ['must be no more than 63 bytes']],
  [configKeyErrors, '.bashrc', []],
  [configKeyErrors, '..', ["must not be '..'"]],
  [configKeyErrors, '.', ["must not be '.'"]],
  [configKeyErrors, '..x', ["must not start with '..'"]],
  [configKeyErrors, 'a/b', [CONFIG_KEY]],
]
for (const [rule, text, errors] of cases)
  test(`${rule.name}() judges ${JSON.stringify(text.slice(0, 20))}`, () => expect(rule(text)).toEqual(errors))

test('pathSegmentErrors() takes whatever a URL can hold between slashes', () => {
  expect(pathSegmentErrors('system:node', false)).toEqual([])
  expect(pathSegmentErrors('..', false)).toEqual(["may not be '..'"])
  expect(pathSegmentErrors('..', true)).toEqual([])
  expect(pathSegmentErrors('a/b%', false)).toEqual(["may not contain '/'", "may not contain '%'"])
})

describe('name rules let a prefix end in a dash', () => {
  for (const rule of [subdomainName, labelName, label1035Name]) {
    test(rule.name, () => {
      expect(rule('web-', true)).toEqual([])
      expect(rule('web-', false)).toHaveLength(1)
      expect(rule('-', true)).toHaveLength(1)
    })
  }
})
