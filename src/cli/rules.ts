/**
 * `podpass rules`: all that one subject may do, in all namespaces at once.
 *
 * @module
 */
import { type SubjectRules, subjectRules } from '../analysis/subject-rules.ts'
import { SUPERUSERS } from '../analysis/user.ts'
import { idText, ruleCells } from '../analysis/words.ts'
import { SUBJECT_FLAGS, subjectGiven } from './access-question.ts'
import { SOURCE_FLAGS, withSource } from './access-source.ts'
import { command } from './command.ts'
import { UsageError } from './flags.ts'
import { OUTPUT_FLAG, outputFormat, printAs } from './output.ts'
import { printable } from './printable.ts'
import { tableText } from './table.ts'

export const rulesCommand = command({
  usage: 'rules [--as USER] [FLAGS]',
  description:
    'Lists everything that somebody may do, in all namespaces, merged into as few rules as say it: what holds everywhere first (namespace *),\nthen what each namespace adds.',
  flags: {
    ...SUBJECT_FLAGS,
    ...SOURCE_FLAGS,
    namespace: { type: 'string', short: 'n', help: 'Only what holds in this namespace.' },
    output: OUTPUT_FLAG,
  },
  run({ values, words }, terminal) {
    const format = outputFormat(values.output)
    if (words.length > 0) throw new UsageError(`podpass rules takes no ${words[0]}`)
    return withSource(values, undefined, terminal, async (source) => {
      const [model, user] = await Promise.all([source.model(), subjectGiven(values) ?? source.self()])
      const found = subjectRules(model, user, values.namespace === undefined ? undefined : [values.namespace])
      printAs(terminal, format, found, () => rulesText(found))
      return 0
    })
  },
})

function rulesText({ user, scopes, errors }: SubjectRules): string {
  const rows = scopes.flatMap(({ namespace, rules }) =>
    rules.map(({ rule, from }) => {
      const { resources, urls, names } = ruleCells(rule)
      return [
        namespace === '' ? '*' : namespace,
        resources === '' ? urls : resources,
        names,
        (rule.verbs ?? []).join(','),
        from.map(idText).join(', '),
      ]
    }),
  )
  const notes = [
    ...(user.groups.includes(SUPERUSERS) ? [`Members of the group ${SUPERUSERS} are allowed everything, whatever the rules say.`] : []),
    ...errors.map((error) => `Note: ${printable(error)}`),
  ]
  const table = rows.length === 0 ? 'no rules\n' : tableText(['NAMESPACE', 'RESOURCES AND PATHS', 'NAMES', 'VERBS', 'FROM'], rows)
  return [table, ...notes.map((note) => `${note}\n`)].join('')
}
