/**
 * `podpass clock [advance DURATION]`: reads and turns the clock of a server that was started with `--clock=virtual`.
 *
 * @module
 */
import { command } from './command.ts'
import { connect, KUBECONFIG_FLAGS, reporting } from './connection.ts'
import { parseDuration, UsageError } from './flags.ts'
import { PODPASS_API, podpassCall } from './podpass-api.ts'

export const clockCommand = command({
  usage: 'clock [advance DURATION] [FLAGS]',
  description:
    'Prints the time of a server that podpass up --clock=virtual has started. advance turns it: everything that would have happened on the\nway has happened when the command returns, in its order.',
  flags: KUBECONFIG_FLAGS,
  run({ values, words }, terminal) {
    const [action, duration = '', ...more] = words
    if (more.length > 0 || (action !== undefined && action !== 'advance')) throw new UsageError('podpass clock takes advance DURATION')
    const seconds = action === undefined ? 0 : parseDuration(duration)
    if (seconds === undefined || seconds < 0) throw new UsageError('podpass clock advance needs a duration such as 1h30m')
    return reporting(terminal, async () => {
      const { client } = connect(values, terminal)
      try {
        const body = { apiVersion: 'podpass.dev/v1', kind: 'ClockAdvance', spec: { seconds: Math.round(seconds) } }
        const { status } = await podpassCall(client, { method: 'POST', path: `${PODPASS_API}/clockadvances`, body })
        terminal.out(`${(status as { time: string }).time}\n`)
        return 0
      } finally {
        client.close()
      }
    })
  },
})
