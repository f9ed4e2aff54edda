/**
 * `podpass serve`: the API server and its controllers, by kube-apiserver's own flags.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { systemClock } from '../clock.ts'
import { command } from './command.ts'
import { runServer } from './runserver.ts'
import { SERVE_FLAGS, SHOWN_FLAGS } from './serverflags.ts'
import { serveOptions } from './serveroptions.ts'

export const serveCommand = command({
  usage: 'serve FLAGS',
  description:
    "Runs the API server and its controllers until it is told to stop. The flags are kube-apiserver's, and kube-controller-manager's for the\n" +
    'controllers: who can start one can start the other. Flags that kube-apiserver has and podpass does not act upon are accepted where\n' +
    'nothing is lost by that, and refused where something would be; docs/flags.md lists both kinds.',
  flags: SERVE_FLAGS,
  shownFlags: SHOWN_FLAGS,
  async run(parsed, terminal) {
    const at = (path: string) => resolve(terminal.cwd, path)
    const { options, notices } = await serveOptions(parsed, {
      readFile: (path) => readFileSync(at(path), 'utf8'),
      async ownIdentity(folder, names) {
        const { ensurePki } = await import('../pki/ensure.ts')
        const { server, authority } = await ensurePki(at(folder), { server: names }, systemClock)
        return { ...server, ca: authority.certificate }
      },
    })
    return runServer(options, terminal, {
      onStart(log) {
        for (const notice of notices) log.info({}, notice)
      },
    })
  },
})
