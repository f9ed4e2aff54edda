/**
 * `podpass why`: every chain that grants something, or on a denial what comes nearest and the smallest rule that would allow it.
 *
 * @module
 */
import { type NearMiss, type Why, why } from '../analysis/why.ts'
import { idText, questionText, ruleText } from '../analysis/words.ts'
import { checkedWords, QUESTION_FLAGS, QUESTION_USAGE, questionOf, SUBJECT_FLAGS, subjectGiven } from './access-question.ts'
import { SOURCE_FLAGS, withSource } from './access-source.ts'
import { command } from './command.ts'
import { OUTPUT_FLAG, outputFormat, printAs, yamlText } from './output.ts'
import { printable } from './printable.ts'
import { tableText } from './table.ts'

export const whyCommand = command({
  usage: `why [--as USER] ${QUESTION_USAGE} [FLAGS]`,
  description:
    'Says why somebody may do something: every binding, role and rule that allows it. If nothing does: what comes nearest, and the smallest\nrule that would allow it, ready to apply (--fix prints that alone: podpass why … --fix | kubectl apply -f -).',
  flags: {
    ...SUBJECT_FLAGS,
    ...QUESTION_FLAGS,
    ...SOURCE_FLAGS,
    output: OUTPUT_FLAG,
    fix: {
      type: 'bool',
      default: false,
      help: 'Print only the objects that would allow it, as YAML; nothing where it is allowed already.',
    },
  },
  run({ values, words }, terminal) {
    const format = outputFormat(values.output)
    checkedWords(words, values)
    return withSource(values, values.namespace, terminal, async (source) => {
      const given = subjectGiven(values)
      const [model, question, user] = await Promise.all([
        source.model(),
        questionOf(words, values, source, terminal),
        given ?? source.self(),
      ])
      const found = why(model, user, question)
      if (values.fix) {
        terminal.out((found.suggestion?.objects ?? []).map(yamlText).join('---\n'))
        return 0
      }
      const server = await source.review(given, question)
      printAs(terminal, format, server === undefined ? found : { ...found, server }, () => `${whyText(found)}${serverText(found, server)}`)
      return 0
    })
  },
})

function whyText(found: Why): string {
  const { user, question, allowed, superuser, chains, errors, nearMisses, suggestion } = found
  const who = printable(user.username === '' ? `the groups ${user.groups.join(', ')}` : user.username)
  const lines = [`${allowed ? 'yes' : 'no'}: ${who} ${allowed ? 'may' : 'may not'} ${printable(questionText(question))}`, '']
  if (superuser) lines.push('Members of the group system:masters are allowed everything, before any rule is looked at.', '')
  if (chains.length > 0) {
    const rows = chains.map(({ binding, subjects, role, aggregatedFrom, rule }) => [
      idText(binding),
      subjects.map(idText).join(', '),
      `${idText(role)}${aggregatedFrom === undefined ? '' : ` (from ${aggregatedFrom.join(', ')})`}`,
      ruleText(rule),
    ])
    lines.push(tableText(['BINDING', 'SUBJECT', 'ROLE', 'RULE'], rows))
  }
  if (nearMisses.length > 0) lines.push('Nearest misses:', ...nearMisses.map((miss) => `  - ${printable(missText(miss))}`), '')
  else if (!allowed) lines.push('Nothing comes near it.', '')
  if (errors.length > 0 && allowed) lines.push(...errors.map((error) => `Note: ${printable(error)}`), '')
  if (suggestion !== undefined)
    lines.push(
      `The smallest rule that allows it (${printable(ruleText(suggestion.rule))}), ready to apply:`,
      '',
      suggestion.objects.map(yamlText).join('---\n'),
    )
  return `${lines.join('\n').trimEnd()}\n`
}

const LACKS = {
  verb: 'the verb is missing',
  apiGroup: 'the API group is another',
  subresource: 'it is for another part of the resource',
  resourceName: 'it is for other names',
  path: 'the path is another',
}

function missText(miss: NearMiss): string {
  switch (miss.kind) {
    case 'rule':
      return `${idText(miss.binding)} gives ${idText(miss.role)}: ${ruleText(miss.rule)}; ${LACKS[miss.lacks]}`
    case 'namespace':
      return `${idText(miss.binding)} gives ${idText(miss.role)}: ${ruleText(miss.rule)}; but only in namespace ${miss.binding.namespace}`
    case 'missingRole':
      return `${idText(miss.binding)} refers to ${idText(miss.role)}, which does not exist`
    case 'subject':
      return `${idText(miss.binding)} gives ${idText(miss.role)} to ${idText(miss.subject)}: ${miss.difference}`
    case 'unbound':
      return `${idText(miss.role)} would allow it, were it bound`
  }
}

/** Node authorizers, webhooks and files of policies are asked by the server and not known here. */
function serverText({ allowed }: Why, server: { allowed: boolean; reason: string } | undefined): string {
  if (server === undefined || server.allowed === allowed) return ''
  return `\nThe server itself says ${server.allowed ? 'yes' : 'no'}${server.reason === '' ? '' : ` (${printable(server.reason)})`}: it does not decide by RBAC alone.\n`
}
