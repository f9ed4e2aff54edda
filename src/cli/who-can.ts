/**
 * `podpass who-can`: everybody whom some binding allows something, with the bindings.
 *
 * @module
 */
import type { Holder, WhoCan } from '../analysis/access-model.ts'
import { idText, questionText, ruleText } from '../analysis/words.ts'
import { checkedWords, QUESTION_FLAGS, QUESTION_USAGE, questionOf } from './access-question.ts'
import { SOURCE_FLAGS, withSource } from './access-source.ts'
import { command } from './command.ts'
import { OUTPUT_FLAG, outputFormat, printAs } from './output.ts'
import { printable } from './printable.ts'
import { tableText } from './table.ts'

export const whoCanCommand = command({
  usage: `who-can ${QUESTION_USAGE} [FLAGS]`,
  description:
    'Lists the users, groups and service accounts that may do something, each with every binding and role that allows it. Whoever is in a listed\ngroup may do it too; members of system:masters may do everything.',
  flags: { ...QUESTION_FLAGS, ...SOURCE_FLAGS, output: OUTPUT_FLAG },
  run({ values, words }, terminal) {
    const format = outputFormat(values.output)
    checkedWords(words, values)
    return withSource(values, values.namespace, terminal, async (source) => {
      const [model, question] = await Promise.all([source.model(), questionOf(words, values, source, terminal)])
      const found = model.whoCan(question)
      printAs(terminal, format, found, () => whoCanText(found))
      return 0
    })
  },
})

function whoCanText({ question, users, groups, serviceAccounts }: WhoCan): string {
  const rowsOf = (kind: string, holders: readonly Holder[]) =>
    holders.flatMap(({ name, namespace, chains }) =>
      chains.map(({ binding, role, rules }) => [
        idText({ kind, namespace, name }),
        idText(binding),
        idText(role),
        rules.map(ruleText).join(' | '),
      ]),
    )
  const rows = [...rowsOf('User', users), ...rowsOf('Group', groups), ...rowsOf('ServiceAccount', serviceAccounts)]
  return rows.length === 0 ? `nobody may ${printable(questionText(question))}\n` : tableText(['SUBJECT', 'BINDING', 'ROLE', 'RULE'], rows)
}
