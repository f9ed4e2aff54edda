/**
 * `podpass tokens list|show|revoke`: the ledger of issued tokens of a podpass server.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import type { HttpsClient } from '../client/https-client.ts'
import { isTokenLike, MalformedTokenError, parseJws, parseStrictObject } from '../token/jwt.ts'
import { command, type Terminal } from './command.ts'
import { connect, KUBECONFIG_FLAGS, reporting } from './connection.ts'
import { UsageError } from './flags.ts'
import { OUTPUT_FLAG, type OutputFormat, outputFormat, printAs } from './output.ts'
import { PODPASS_API, podpassCall, timeCell } from './podpass-api.ts'
import { printable } from './printable.ts'
import { tableText } from './table.ts'

const ACTIONS = 'list, show JTI, or revoke (JTI | --account | --pod | --node)'

export const tokensCommand = command({
  usage: 'tokens (list | show JTI | revoke [JTI]) [FLAGS]',
  description:
    'Shows the tokens that a podpass server has issued, never the tokens themselves, and takes them back. A revocation is durable before it is\nacknowledged and counts for the next request. A kube-apiserver on the same etcd knows no revocations, and neither does who only knows the\npublished keys.',
  flags: {
    namespace: { type: 'string', short: 'n', help: 'list: only tokens of accounts in this namespace; all when not given.' },
    account: {
      type: 'string',
      value: '[namespace/]name',
      help: 'list: only tokens of this account. revoke: all of them; the account lives on.',
    },
    pod: { type: 'string', value: '[namespace/]name', help: 'list: only tokens bound to this pod. revoke: all of them.' },
    node: { type: 'string', value: 'name', help: 'list: only tokens bound to this node. revoke: all of them.' },
    revoked: { type: 'bool', default: false, help: 'list: also revoked ones, until they would have expired.' },
    ...KUBECONFIG_FLAGS,
    output: OUTPUT_FLAG,
  },
  run({ values, words }, terminal) {
    const format = outputFormat(values.output)
    const [action = '', named, ...more] = words
    const jti = named === undefined ? undefined : jtiOf(named)
    if (more.length > 0 || !['list', 'show', 'revoke'].includes(action) || (action === 'list' && jti !== undefined))
      throw new UsageError(`podpass tokens takes ${ACTIONS}`)
    if (action === 'show' && jti === undefined) throw new UsageError('podpass tokens show needs the jti of a token')
    const owners = (['account', 'pod', 'node'] as const).filter((name) => values[name] !== undefined)
    if (action === 'revoke' && owners.length + (jti === undefined ? 0 : 1) !== 1)
      throw new UsageError('podpass tokens revoke takes one of JTI, --account, --pod and --node')
    if (owners.length > 1) throw new UsageError(`--${owners[0]} and --${owners[1]} exclude each other`)
    return reporting(terminal, async () => {
      const { client, config } = connect(values, terminal)
      try {
        switch (action) {
          case 'list':
            return await list(client, terminal, format, values, config.namespace)
          case 'show':
            return await show(client, terminal, format, jti as string) // checked above
          default:
            return await revoke(client, terminal, format, revocationSpec(jti, values, config.namespace))
        }
      } finally {
        client.close()
      }
    })
  },
})

/** Who has the token itself may give that: what is asked for, and said, is its jti alone. */
function jtiOf(word: string): string {
  if (!isTokenLike(word)) return word
  try {
    const { jti } = parseStrictObject(parseJws(word).payload, 'payload')
    if (typeof jti === 'string' && jti !== '') return jti
  } catch (error) {
    if (!(error instanceof MalformedTokenError)) throw error
  }
  throw new UsageError('that is a token without a jti: no ledger knows it')
}

interface OwnerValues {
  namespace: string | undefined
  account: string | undefined
  pod: string | undefined
  node: string | undefined
}

/** `name` is in the namespace of `-n`, else of the kubeconfig. */
function ownerNamed(text: string, { namespace }: OwnerValues, current: string): { namespace: string; name: string } {
  const slash = text.indexOf('/')
  return slash < 0 ? { namespace: namespace ?? current, name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) }
}

async function list(
  client: HttpsClient,
  terminal: Terminal,
  format: OutputFormat,
  values: OwnerValues & { revoked: boolean },
  current: string,
): Promise<number> {
  const { account, pod, node } = values
  const owner = account ?? pod
  const at = owner === undefined ? { namespace: values.namespace ?? '', name: '' } : ownerNamed(owner, values, current)
  const selectors = [
    ...(account === undefined ? [] : [`spec.serviceAccountName=${at.name}`]),
    ...(pod === undefined ? [] : ['spec.boundObjectRef.kind=Pod', `spec.boundObjectRef.name=${at.name}`]),
    ...(node === undefined ? [] : ['spec.boundObjectRef.kind=Node', `spec.boundObjectRef.name=${node}`]),
    // Naming the phase is what asks for revoked ones too.
    ...(values.revoked ? ['status.phase!=None'] : []),
  ]
  const path = `${PODPASS_API}${at.namespace === '' ? '' : `/namespaces/${encodeURIComponent(at.namespace)}`}/issuedtokens`
  const items = await inPages(client, path, selectors.join(','))
  printAs(terminal, format, { items }, () => (items.length === 0 ? 'no tokens\n' : tokensText(items)))
  return 0
}

/** There may be a hundred thousand: nobody else of the server should have to wait for all of them. */
async function inPages(client: HttpsClient, path: string, fieldSelector: string): Promise<KubeObject[]> {
  const items: KubeObject[] = []
  let next = ''
  do {
    const query = new URLSearchParams({
      limit: `${PAGE}`,
      ...(fieldSelector !== '' && { fieldSelector }),
      ...(next !== '' && { continue: next }),
    })
    const page = await podpassCall(client, { method: 'GET', path: `${path}?${query}` })
    for (const item of (page['items'] ?? []) as KubeObject[]) items.push(item)
    next = (page.metadata as { continue?: string } | undefined)?.continue ?? ''
  } while (next !== '')
  return items
}

const PAGE = 1000

function tokensText(items: readonly KubeObject[]): string {
  const rows = items.map(({ metadata = {}, spec = {}, status = {} }: any) => [
    metadata.name ?? '',
    `${metadata.namespace}/${spec.serviceAccountName}`,
    spec.boundObjectRef === undefined ? '-' : `${spec.boundObjectRef.kind} ${spec.boundObjectRef.name}`,
    timeCell(metadata.creationTimestamp),
    timeCell(spec.expirationTimestamp),
    timeCell(status.lastUsedTime),
    status.phase ?? '',
  ])
  return tableText(['JTI', 'ACCOUNT', 'BOUND TO', 'ISSUED', 'EXPIRES', 'LAST USED', 'PHASE'], rows)
}

async function show(client: HttpsClient, terminal: Terminal, format: OutputFormat, jti: string): Promise<number> {
  const selector = encodeURIComponent(`metadata.name=${jti},status.phase!=None`)
  const found = await podpassCall(client, { method: 'GET', path: `${PODPASS_API}/issuedtokens?fieldSelector=${selector}` })
  const [token] = (found['items'] ?? []) as KubeObject[]
  if (token === undefined) {
    terminal.err(`podpass: no token ${jti} is known: it has expired, or was issued elsewhere\n`)
    return 1
  }
  printAs(terminal, format, token, () => tokenText(token))
  return 0
}

function tokenText({ metadata, spec = {}, status = {} }: any): string {
  const rows: [string, string][] = [
    ['jti', metadata.name],
    ['account', `${metadata.namespace}/${spec.serviceAccountName}, uid ${spec.serviceAccountUID}`],
    ['audiences', (spec.audiences ?? []).join(', ')],
    [
      'bound to',
      spec.boundObjectRef === undefined ? '-' : `${spec.boundObjectRef.kind} ${spec.boundObjectRef.name}, uid ${spec.boundObjectRef.uid}`,
    ],
    ['issued', timeCell(metadata.creationTimestamp)],
    ['expires', timeCell(spec.expirationTimestamp)],
    ['asked for by', `${status.requestedBy ?? '-'} from ${status.remoteAddress || '-'} (${status.userAgent || '-'})`],
    ['first used', timeCell(status.firstUsedTime)],
    ['last used', timeCell(status.lastUsedTime)],
    ['revoked', timeCell(status.revocationTimestamp)],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}   ${printable(value)}\n`).join('')
}

function revocationSpec(jti: string | undefined, values: OwnerValues, current: string): object {
  const { account, pod, node } = values
  if (account !== undefined) return { serviceAccount: ownerNamed(account, values, current) }
  if (pod !== undefined) return { pod: ownerNamed(pod, values, current) }
  return node === undefined ? { jti } : { node: { name: node } }
}

async function revoke(client: HttpsClient, terminal: Terminal, format: OutputFormat, spec: object): Promise<number> {
  const body = { apiVersion: 'podpass.dev/v1', kind: 'TokenRevocation', spec }
  const answer = await podpassCall(client, { method: 'POST', path: `${PODPASS_API}/tokenrevocations`, body })
  const { revokedTokens = 0 } = answer['status'] ?? {}
  printAs(terminal, format, answer['status'] ?? {}, () => `revoked ${revokedTokens} ${revokedTokens === 1 ? 'token' : 'tokens'}\n`)
  return 0
}
