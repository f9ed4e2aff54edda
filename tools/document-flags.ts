/**
 * `docs/flags.md`, written from the flags themselves: `npm run docs`. The checks compare it with the file.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { describeFlags } from '../src/cli/flags.ts'
import { FLAGS_WITHOUT_EFFECT, type OtherFlag, REFUSED_FLAGS, SHOWN_FLAGS } from '../src/cli/serverflags.ts'

export const FLAGS_DOCUMENT = 'docs/flags.md'

/** Flags of one reason on one line. */
function byReason(table: Readonly<Record<string, OtherFlag>>): string {
  const names = new Map<string, string[]>()
  for (const [name, { reason }] of Object.entries(table)) names.set(reason, [...(names.get(reason) ?? []), `\`--${name}\``])
  return [...names].map(([reason, flags]) => `- ${reason}: ${flags.join(', ')}`).join('\n')
}

export function flagsDocument(): string {
  return `# Flags of podpass serve

Written by \`npm run docs\` from \`src/cli/serverflags.ts\`. The names are kube-apiserver's, and kube-controller-manager's for the controllers,
so that whoever can start those can start podpass. Defaults that differ are in [decision 0006](decisions/0006-safe-defaults.md).

\`--name=value\` and \`--name value\` are the same; a switch takes its value after \`=\` only. Lists are comma-separated and repeatable.

## Acted upon

\`\`\`text
${describeFlags(SHOWN_FLAGS)}
\`\`\`

## Accepted without effect

${byReason(FLAGS_WITHOUT_EFFECT)}

## Refused

kube-apiserver or kube-controller-manager has them; podpass does not do what they ask for, and says so instead of starting.

${byReason(REFUSED_FLAGS)}
`
}

if (import.meta.main) {
  process.chdir(join(import.meta.dirname, '..'))
  writeFileSync(FLAGS_DOCUMENT, flagsDocument())
}
