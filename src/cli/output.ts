/**
 * `-o`: the same facts as a table for people, as JSON or as YAML.
 *
 * @module
 */
import { encodeYaml } from '../api/encode.ts'
import type { Terminal } from './command.ts'
import { UsageError } from './flags.ts'

export const OUTPUT_FLAG = {
  type: 'string',
  short: 'o',
  value: 'table|json|yaml',
  default: 'table',
  help: 'How the answer is written.',
} as const

export type OutputFormat = 'table' | 'json' | 'yaml'

/** @throws UsageError */
export function outputFormat(text: string): OutputFormat {
  if (text === 'table' || text === 'json' || text === 'yaml') return text
  throw new UsageError(`--output=${text}: table, json or yaml`)
}

export function printAs(terminal: Terminal, format: OutputFormat, facts: object, table: () => string): void {
  if (format === 'json') terminal.out(`${JSON.stringify(facts, undefined, 2)}\n`)
  else if (format === 'yaml') terminal.out(yamlText(facts))
  else terminal.out(table())
}

export function yamlText(facts: object): string {
  return encodeYaml(facts).toString()
}
