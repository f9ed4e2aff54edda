/**
 * `podpass version`.
 *
 * @module
 */
import process from 'node:process'
import { GIT_VERSION, PODPASS_VERSION } from '../server/version.ts'
import { command } from './command.ts'
import { UsageError } from './flags.ts'

export const versionCommand = command({
  usage: 'version [-o json]',
  description: 'Prints which podpass this is, and which Kubernetes it speaks.',
  flags: { output: { type: 'string', short: 'o', value: 'json', help: 'json instead of lines for people.' } },
  async run({ values, words }, terminal) {
    if (words.length > 0) throw new UsageError(`podpass version takes no ${words[0]}`)
    if (values.output !== undefined && values.output !== 'json') throw new UsageError(`--output=${values.output}: json is the only one`)
    const facts = { podpass: PODPASS_VERSION, kubernetes: GIT_VERSION.replace(/\+.*/, ''), node: process.versions.node }
    if (values.output === 'json') terminal.out(`${JSON.stringify(facts)}\n`)
    else terminal.out(`podpass ${facts.podpass}\nKubernetes API ${facts.kubernetes}\nNode ${facts.node}\n`)
    return 0
  },
})
