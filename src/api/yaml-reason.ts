/**
 * What the API server says of a text that is no YAML: the words of Go's parser, and the line that it counts.
 *
 * Its scanner counts lines from one and its parser from zero, and line zero goes unsaid.
 *
 * @see go.yaml.in/yaml/v2 scannerc.go, parserc.go, decode.go
 * @module
 */
import type { YAMLException } from 'js-yaml'

/** Who finds the mistake upstream: it decides how the line is counted. */
type Finder = 'scanner' | 'parser' | 'reader'

type Finding = [finder: Finder, problem: string]

/** What js-yaml says that has one meaning only. */
const PLAIN: readonly [reason: RegExp, finding: Finding][] = [
  [/unexpected end of the stream within a (double|single) quoted scalar/, ['scanner', 'found unexpected end of stream']],
  [/unexpected end of the document within/, ['scanner', 'found unexpected document indicator']],
  [/unknown escape sequence/, ['scanner', 'found unknown escape character']],
  [/expected hexadecimal character/, ['scanner', 'did not find expected hexdecimal number']],
  [/a line break is expected/, ['scanner', 'did not find expected comment or line break']],
  [/name of an (anchor|alias) node/, ['scanner', 'did not find expected alphabetic or numeric character']],
  [/within a verbatim tag/, ['scanner', "did not find the expected '>'"]],
  [/unacceptable YAML version/, ['reader', 'found incompatible YAML document']],
  [/directives end mark/, ['reader', 'found unknown directive name']],
  [/undeclared tag handle/, ['parser', 'found undefined tag handle']],
  [/non-printable characters/, ['reader', 'control characters are not allowed']],
  [/expected the node content/, ['parser', 'did not find expected node content']],
  [/nesting exceeded/, ['reader', 'exceeded max depth']],
  [/bad indentation of a sequence entry/, ['parser', "did not find expected '-' indicator"]],
]

/** `yaml: line 2: mapping values are not allowed in this context`. */
export function yamlReason(error: YAMLException, text: string): string {
  const { mark } = error
  if (mark === undefined) return `yaml: ${error.reason}`
  const lines = text.split('\n')
  const { line, position } = mark
  if (/expected ':' after a mapping key|can not read a block mapping entry/.test(error.reason)) {
    const keyLine = error.reason.startsWith('can not') ? line - 1 : line
    return worded(['scanner', "could not find expected ':'"], nextLine(lines, keyLine))
  }
  if (error.reason === 'deficient indentation' && /^(?:---|\.\.\.)(?:\s|$)/.test(lines[line] as string))
    return worded(['scanner', 'found unexpected document indicator'], line)
  if (/within a flow collection|deficient indentation|missed comma/.test(error.reason)) {
    const close = openBracket(text.slice(0, position))
    if (close !== undefined) return worded(['parser', `did not find expected ',' or '${close}'`], nextLine(lines, line))
  }
  const plain = PLAIN.find(([reason]) => reason.test(error.reason))?.[1]
  return worded(plain ?? misplaced(error.reason, text, { lines, line, position }), line)
}

function worded([finder, problem]: Finding, line: number): string {
  const said = finder === 'reader' || line === 0 ? 0 : finder === 'scanner' ? line + 1 : line
  return said === 0 ? `yaml: ${problem}` : `yaml: line ${said}: ${problem}`
}

/** The next line with something on it; behind the last, where a line would begin. */
function nextLine(lines: readonly string[], line: number): number {
  for (let i = line + 1; i < lines.length; i++) if (/^\s*[^\s#]/.test(lines[i] as string)) return i
  return lines.at(-1) === '' ? lines.length - 1 : lines.length
}

/** What would close the innermost collection that is open. */
function openBracket(text: string): string | undefined {
  const open: string[] = []
  for (const c of text) {
    if (c === '[' || c === '{') open.push(c === '[' ? ']' : '}')
    else if (c === open.at(-1)) open.pop()
  }
  return open.at(-1)
}

interface Place {
  lines: readonly string[]
  line: number
  position: number
}

/** Something stands where it may not: what it is decides. */
function misplaced(reason: string, text: string, { lines, line, position }: Place): Finding {
  const here = lines[line] as string
  if (/^ *\t/.test(here)) return ['scanner', tabProblem(lines, line)]
  const found = text[position] ?? ''
  if (found === ':') return ['scanner', 'mapping values are not allowed in this context']
  if (found !== '' && '%@`'.includes(found)) return ['scanner', 'found character that cannot start any token']
  if (found !== '' && ']}'.includes(found)) return ['parser', 'did not find expected node content']
  const isDash = found === '-' && /^\s*$/.test(text[position + 1] ?? '')
  if (isDash && here.slice(0, -1).includes(':')) return ['scanner', 'block sequence entries are not allowed in this context']
  const isList = reason.startsWith('end of the stream') && /^(?:\s*#.*\n|\s*\n|---\s)*\s*-\s/.test(text)
  return ['parser', `did not find expected ${isList ? "'-' indicator" : 'key'}`]
}

function tabProblem(lines: readonly string[], line: number): string {
  const before = lines.slice(0, line).findLast((one) => one.trim() !== '') ?? ''
  if (/[|>][-+\d]*\s*$/.test(before)) return 'found a tab character where an indentation space is expected'
  return before === '' || /[:-]\s*$/.test(before)
    ? 'found character that cannot start any token'
    : 'found a tab character that violates indentation'
}
