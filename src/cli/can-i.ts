/**
 * `podpass can-i`: yes or no, as `kubectl auth can-i` answers it, also for others and for files.
 *
 * @module
 */
import { can } from '../analysis/why.ts'
import { checkedWords, QUESTION_FLAGS, QUESTION_USAGE, questionOf, SUBJECT_FLAGS, subjectGiven } from './access-question.ts'
import { SOURCE_FLAGS, withSource } from './access-source.ts'
import { command } from './command.ts'
import { OUTPUT_FLAG, outputFormat, printAs } from './output.ts'
import { printable } from './printable.ts'

export const canICommand = command({
  usage: `can-i [--as USER] ${QUESTION_USAGE} [FLAGS]`,
  description:
    'Answers yes (exit code 0) or no (exit code 1). A server is asked itself; where it may not be asked about others, its roles and bindings\nare read and decide.',
  flags: {
    ...SUBJECT_FLAGS,
    ...QUESTION_FLAGS,
    ...SOURCE_FLAGS,
    output: OUTPUT_FLAG,
    quiet: { type: 'bool', short: 'q', default: false, help: 'Print nothing: the exit code is the answer.' },
  },
  run({ values, words }, terminal) {
    const format = outputFormat(values.output)
    checkedWords(words, values)
    return withSource(values, values.namespace, terminal, async (source) => {
      const given = subjectGiven(values)
      const question = await questionOf(words, values, source, terminal)
      const answer = (await source.review(given, question)) ?? can(await source.model(), given ?? (await source.self()), question)
      const { allowed, reason } = answer
      if (!values.quiet)
        printAs(
          terminal,
          format,
          { allowed, reason, question },
          () => `${allowed ? 'yes' : 'no'}${allowed || reason === '' ? '' : ` - ${printable(reason)}`}\n`,
        )
      return allowed ? 0 : 1
    })
  },
})
