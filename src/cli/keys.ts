/**
 * `podpass keys list|prepare|rotate|retire`: the life of the keys that sign a podpass server's tokens.
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

const ACTIONS = ['list', 'prepare', 'rotate', 'retire']

export const keysCommand = command({
  usage: 'keys (list | prepare | rotate [KID] | retire KID) [FLAGS]',
  description:
    "Shows the keys that sign tokens, never a private part. rotate makes a new one, or takes a prepared one: it is published at once, and signs\nonce everybody who caches the published keys knows it; the old one's tokens live out their time. prepare makes one that nobody is shown yet.\nretire ends a key now, with all tokens that it has signed.",
  flags: {
    algorithm: { type: 'string', value: 'RS256|ES256', default: 'RS256', help: 'prepare, rotate: what the new key signs with.' },
    ...KUBECONFIG_FLAGS,
    output: OUTPUT_FLAG,
  },
  run({ values, words, given }, terminal) {
    const format = outputFormat(values.output)
    const [action = '', kid, ...more] = words
    if (more.length > 0 || !ACTIONS.includes(action) || (kid !== undefined && action !== 'rotate' && action !== 'retire'))
      throw new UsageError('podpass keys takes list, prepare, rotate [KID] or retire KID')
    if (action === 'retire' && kid === undefined) throw new UsageError('podpass keys retire needs the kid of a key')
    if (given.has('algorithm') && (!['prepare', 'rotate'].includes(action) || kid !== undefined))
      throw new UsageError('--algorithm is for keys that prepare and rotate make')
    return reporting(terminal, async () => {
      const { client } = connect(values, terminal)
      try {
        if (action === 'list') {
          const items = ((await podpassCall(client, { method: 'GET', path: `${PODPASS_API}/signingkeys` }))['items'] ?? []) as KubeObject[]
          printAs(terminal, format, { items }, () => keysText(items))
        } else if (action === 'prepare' || action === 'rotate') {
          const spec = kid === undefined ? { algorithm: values.algorithm, prepareOnly: action === 'prepare' } : { kid }
          const body = { apiVersion: 'podpass.dev/v1', kind: 'SigningKeyRotation', spec }
          const { status = {} } = (await podpassCall(client, { method: 'POST', path: `${PODPASS_API}/signingkeyrotations`, body })) as any
          printAs(terminal, format, status, () =>
            status.activeTime === undefined
              ? `prepared ${status.kid}\n`
              : `published ${status.kid}; it signs from ${timeCell(status.activeTime)}\n`,
          )
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
