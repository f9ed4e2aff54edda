/**
 * `podpass keys list|rotate|retire`: the life of the keys that sign a podpass server's tokens.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import { command } from './command.ts'
import { connect, KUBECONFIG_FLAGS, reporting } from './connection.ts'
import { UsageError } from './flags.ts'
import { OUTPUT_FLAG, outputFormat, printAs } from './output.ts'
import { PODPASS_API, podpassCall, timeCell } from './podpass-api.ts'
import { tableText } from './table.ts'

export const keysCommand = command({
  usage: 'keys (list | rotate | retire KID) [FLAGS]',
  description:
    "Shows the keys that sign tokens, never a private part. rotate makes a new one: it is published at once, and signs once everybody who caches\nthe published keys knows it; the old one's tokens live out their time. retire ends a key now, with all tokens that it has signed.",
  flags: {
    algorithm: { type: 'string', value: 'RS256|ES256', default: 'RS256', help: 'rotate: what the new key signs with.' },
    ...KUBECONFIG_FLAGS,
    output: OUTPUT_FLAG,
  },
  run({ values, words, given }, terminal) {
    const format = outputFormat(values.output)
    const [action = '', kid, ...more] = words
    if (more.length > 0 || !['list', 'rotate', 'retire'].includes(action) || (action !== 'retire' && kid !== undefined))
      throw new UsageError('podpass keys takes list, rotate or retire KID')
    if (action === 'retire' && kid === undefined) throw new UsageError('podpass keys retire needs the kid of a key')
    if (given.has('algorithm') && action !== 'rotate') throw new UsageError('--algorithm is for rotate')
    return reporting(terminal, async () => {
      const { client } = connect(values, terminal)
      try {
        if (action === 'list') {
          const items = ((await podpassCall(client, { method: 'GET', path: `${PODPASS_API}/signingkeys` }))['items'] ?? []) as KubeObject[]
          printAs(terminal, format, { items }, () => keysText(items))
        } else if (action === 'rotate') {
          const body = { apiVersion: 'podpass.dev/v1', kind: 'SigningKeyRotation', spec: { algorithm: values.algorithm } }
          const { status = {} } = (await podpassCall(client, { method: 'POST', path: `${PODPASS_API}/signingkeyrotations`, body })) as any
          printAs(terminal, format, status, () => `published ${status.kid}; it signs from ${timeCell(status.activeTime)}\n`)
        } else {
          await podpassCall(client, { method: 'DELETE', path: `${PODPASS_API}/signingkeys/${encodeURIComponent(kid as string)}` }) // checked above
          printAs(terminal, format, { kid, retired: true }, () => `retired ${kid}\n`)
        }
        return 0
      } finally {
        client.close()
      }
    })
  },
})

function keysText(items: readonly KubeObject[]): string {
  const rows = items.map(({ metadata = {}, spec = {}, status = {} }: any) => [
    metadata.name ?? '',
    spec.algorithm ?? '',
    status.phase ?? '',
    status.onThisServer ?? '-',
    timeCell(status.publishedTime),
    timeCell(status.activeTime),
    timeCell(status.retirementTime),
  ])
  return tableText(['KID', 'ALGORITHM', 'PHASE', 'HERE', 'PUBLISHED', 'ACTIVE', 'RETIRES'], rows)
}
