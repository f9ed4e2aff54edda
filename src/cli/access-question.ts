/**
 * `VERB TYPE[/NAME]` or `VERB /path`, and the flags about it: what `why`, `can-i` and `who-can` are asked.
 *
 * @module
 */
import type { AccessQuestion } from '../analysis/access-model.ts'
import { askedQuestion } from '../analysis/question.ts'
import { userNamed } from '../analysis/user.ts'
import type { RbacUser } from '../rbac/index.ts'
import type { AccessSource } from './access-source.ts'
import type { Terminal } from './command.ts'
import { UsageError } from './flags.ts'

export const NAMESPACE_FLAG = {
  namespace: { type: 'string', short: 'n', help: "The namespace of the request; the kubeconfig's, else default, when not given." },
} as const

export const QUESTION_FLAGS = {
  ...NAMESPACE_FLAG,
  'all-namespaces': { type: 'bool', short: 'A', default: false, help: 'A request for all namespaces at once.' },
  subresource: { type: 'string', default: '', help: 'A subresource, such as log, scale or token.' },
} as const

export const SUBJECT_FLAGS = {
  as: {
    type: 'string',
    value: 'user',
    help: 'Whom it is about: a user name, or system:serviceaccount:NAMESPACE:NAME. The user of the kubeconfig when not given.',
  },
  'as-group': {
    type: 'stringArray',
    value: 'group, repeatable',
    default: [] as readonly string[],
    help: 'A group that the user is in, beside those that every user or account of its kind is in.',
  },
} as const

export const QUESTION_USAGE = 'VERB (TYPE | TYPE/NAME | /PATH)'

export interface QuestionValues {
  namespace: string | undefined
  'all-namespaces': boolean
  subresource: string
}

/** What was typed, as a question; what may not be what was meant is said on the way. */
export async function questionOf(
  words: readonly string[],
  values: QuestionValues,
  source: AccessSource,
  terminal: Terminal,
): Promise<AccessQuestion> {
  const [verb, what] = checkedWords(words, values)
  const namespace = values['all-namespaces'] ? '' : source.namespace
  const { question, warnings } = askedQuestion({ verb, what, subresource: values.subresource, namespace }, await source.names())
  for (const warning of warnings) terminal.err(`Warning: ${warning}\n`)
  return question
}

/** Before anything is read: what cannot be asked at all. @throws UsageError */
export function checkedWords(words: readonly string[], values: QuestionValues): [verb: string, what: string] {
  const [verb, what, ...more] = words
  if (verb === undefined || what === undefined || more.length > 0)
    throw new UsageError(`a verb and what it is about are needed: ${QUESTION_USAGE}`)
  if (what.startsWith('/') && values.subresource !== '') throw new UsageError('--subresource has no meaning for a path')
  if (values['all-namespaces'] && values.namespace !== undefined)
    throw new UsageError('--namespace and --all-namespaces exclude each other')
  return [verb, what]
}

/** Whom `--as` and `--as-group` name; undefined: ourselves. */
export function subjectGiven(values: { as: string | undefined; 'as-group': readonly string[] }): RbacUser | undefined {
  if (values.as !== undefined) return userNamed(values.as, values['as-group'])
  return values['as-group'].length > 0 ? userNamed('', values['as-group']) : undefined
}
