/**
 * `podpass trace`: one request's way through a podpass server, step by step, with times and reasons.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { plainValue } from '../api/json.ts'
import { parseYaml } from '../api/yaml.ts'
import type { Trace } from '../server/trace.ts'
import { SUBJECT_FLAGS } from './access-question.ts'
import { command, type Terminal } from './command.ts'
import { connect, KUBECONFIG_FLAGS, reporting } from './connection.ts'
import { UsageError } from './flags.ts'
import { OUTPUT_FLAG, outputFormat, printAs } from './output.ts'
import { printable } from './printable.ts'
import { tableText } from './table.ts'

export const traceCommand = command({
  usage: 'trace METHOD PATH [FLAGS]',
  description:
    "Makes a request to a podpass server and shows its way through the steps: the account and its token, how it was presented, who it was taken\nfor, what allowed or refused it, admission, the store. For members of system:masters. The request is really made, by the kubeconfig's user,\nby somebody else (--as), or with a token (--token-file).",
  flags: {
    as: { ...SUBJECT_FLAGS.as, help: 'Whose request it is, by impersonation.' },
    'as-group': SUBJECT_FLAGS['as-group'],
    'token-file': { type: 'string', value: 'file', help: 'The request is made with this token, as its bearer would.' },
    file: { type: 'string', short: 'f', value: 'file', help: 'The body: an object in YAML or JSON.' },
    'content-type': { type: 'string', help: 'What the body is, for patches; application/json when not given.' },
    'dry-run': { type: 'bool', default: false, help: 'Change nothing: the server stops before the store.' },
    ...KUBECONFIG_FLAGS,
    output: OUTPUT_FLAG,
  },
  run({ values, words }, terminal) {
    const format = outputFormat(values.output)
    const [method, path, ...more] = words
    if (method === undefined || path === undefined || more.length > 0)
      throw new UsageError('a method and a path are needed, such as GET /api/v1/namespaces/default/pods')
    if (!path.startsWith('/')) throw new UsageError(`${path}: a path begins with /`)
    if (values['token-file'] !== undefined && values.as !== undefined) throw new UsageError('--token-file and --as exclude each other')
    if (values['as-group'].length > 0 && values.as === undefined) throw new UsageError('--as-group needs --as')
    const wanted = {
      method: method.toUpperCase(),
      path: values['dry-run'] ? `${path}${path.includes('?') ? '&' : '?'}dryRun=All` : path,
      ...(values['token-file'] === undefined ? {} : { token: contentOf(values['token-file'], terminal).trim() }),
      ...(values.as === undefined ? {} : { as: { username: values.as, groups: values['as-group'] } }),
      ...(values.file === undefined ? {} : { body: objectIn(values.file, terminal) }),
      ...(values['content-type'] === undefined ? {} : { contentType: values['content-type'] }),
    }
    return reporting(terminal, async () => {
      const { client, config } = connect(values, terminal)
      try {
        const { status, body } = await client.request({ method: 'POST', path: '/debug/podpass/trace', body: wanted })
        if (status === 200) {
          const trace: Trace = body
          printAs(terminal, format, trace, () => traceText(trace))
          return 0
        }
        const said = body?.message ?? `HTTP ${status}`
        const why =
          status === 404
            ? 'it is no podpass server that can trace'
            : status === 403
              ? `${said}\nOnly members of the group system:masters may trace requests; with --token-file or --as they trace those of others.`
              : said
        terminal.err(`podpass: ${config.server}: ${why}\n`)
        return 1
      } finally {
        client.close()
      }
    })
  },
})

function contentOf(file: string, { cwd }: Terminal): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8')
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

function objectIn(file: string, terminal: Terminal): unknown {
  try {
    return plainValue(parseYaml(contentOf(file, terminal)).tree)
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`)
  }
}

function traceText({ method, path, code, message, totalMs, steps }: Trace): string {
  const milliseconds = (value: number | undefined) => (value === undefined ? '' : value.toFixed(3))
  const rows = steps.map(({ step, atMs, tookMs, outcome, detail }) => [step, milliseconds(atMs), milliseconds(tookMs), outcome, detail])
  const head = `${method} ${printable(path)}: HTTP ${code} after ${totalMs.toFixed(3)} ms${message === '' ? '' : `\n${printable(message)}`}`
  return `${head}\n\n${tableText(['STEP', 'AT MS', 'TOOK MS', 'OUTCOME', 'DETAIL'], rows)}`
}
