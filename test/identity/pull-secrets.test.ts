/**
 * Image pull secrets of an account, as the official page types them in.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pod, startWorld, type World } from './kubectl.ts'

let world: World
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podpass-pull-'))
  world = await startWorld()
})
afterAll(async () => {
  await world?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const account = () => world.json('get', 'serviceaccount', 'default')
const pullSecrets = async () => (await account()).imagePullSecrets
const patch = (patch: object) => world.kubectl('patch', 'serviceaccount', 'default', '-p', JSON.stringify(patch))

describe('image pull secrets', () => {
  test('S67, S68: kubectl makes one of its type with one entry', async () => {
    const { out } = await world.kubectl(
      ...['create', 'secret', 'docker-registry', 'myregistrykey', '--docker-server=registry.example'],
      ...['--docker-username=DUMMY_USERNAME', '--docker-password=DUMMY_DOCKER_PASSWORD', '--docker-email=DUMMY_DOCKER_EMAIL'],
    )
    expect(out).toBe('secret/myregistrykey created\n')
    expect((await world.kubectl('get', 'secrets', 'myregistrykey')).out).toMatch(
      /^NAME +TYPE +DATA +AGE\nmyregistrykey +kubernetes\.io\/dockerconfigjson +1 +\d+s\n$/,
    )
  })

  test('S69: a patch gives them to an account, the second time without effect, and another replaces the list', async () => {
    for (const want of ['patched', 'patched (no change)'])
      expect((await patch({ imagePullSecrets: [{ name: 'myregistrykey' }] })).out).toBe(`serviceaccount/default ${want}\n`)
    expect(await pullSecrets()).toEqual([{ name: 'myregistrykey' }])
    await patch({ imagePullSecrets: [{ name: 'other' }], secrets: [{ name: 'one' }] })
    await patch({ secrets: [{ name: 'two' }] })
    // Only secrets are merged, by name.
    const { imagePullSecrets, secrets } = await account()
    expect(imagePullSecrets).toEqual([{ name: 'other' }])
    expect(secrets.map(({ name }: { name: string }) => name).sort()).toEqual(['one', 'two'])
    await patch({ imagePullSecrets: [{ name: 'myregistrykey' }] })
  })

  test('S70: kubectl edit saves them without the resourceVersion, and refuses another uid', async () => {
    await patch({ imagePullSecrets: null })
    const { uid } = (await account()).metadata
    const edit = (script: string) =>
      world.kubectlWith({ KUBE_EDITOR: `sed -i ${script}`, TMPDIR: folder }, 'edit', 'serviceaccount/default')
    const edited = await edit(String.raw`-e '/resourceVersion:/d' -e '$aimagePullSecrets:\n- name: myregistrykey'`)
    expect([edited.out, edited.err]).toEqual(['serviceaccount/default edited\n', ''])
    expect(await pullSecrets()).toEqual([{ name: 'myregistrykey' }])
    expect((await account()).metadata.uid).toBe(uid)
    const other = await edit(`s/${uid}/00000000-0000-4000-8000-000000000000/`)
    expect(other.code).toBe(1)
    // kubectl itself misses the object that it fetched.
    expect(other.err).toContain('error: no original object found for')
  })

  test('S70: kubectl replace takes a saved file, and refuses it with another uid', async () => {
    const { out } = await world.kubectl('get', 'serviceaccounts', 'default', '-o', 'yaml')
    const file = join(folder, 'sa.yaml')
    writeFileSync(file, out.replace(/ {2}resourceVersion: .*\n/, '').replace('name: myregistrykey', 'name: saved'))
    expect((await world.kubectl('replace', 'serviceaccount', 'default', '-f', file)).out).toBe('serviceaccount/default replaced\n')
    expect(await pullSecrets()).toEqual([{ name: 'saved' }])
    writeFileSync(file, readFileSync(file, 'utf8').replace(/uid: .*/, 'uid: 00000000-0000-4000-8000-000000000000'))
    const { err } = await world.kubectl('replace', '-f', file)
    expect(err).toMatch(/^Error from server \(Conflict\): error when replacing .*Precondition failed: UID in precondition/)
  })

  test('S71: reach the Pods of the account, unless a Pod has its own', async () => {
    await patch({ imagePullSecrets: [{ name: 'myregistrykey' }] })
    await world.kubectl('run', 'nginx', '--image=registry.example/nginx', '--restart=Never')
    const first = (name: string) => world.kubectl('get', 'pod', name, '-o=jsonpath={.spec.imagePullSecrets[0].name}{"\\n"}')
    expect((await first('nginx')).out).toBe('myregistrykey\n')
    await world.apply(pod('own', { imagePullSecrets: [{ name: 'mine' }] }))
    expect((await world.json('get', 'pod', 'own')).spec.imagePullSecrets).toEqual([{ name: 'mine' }])
  })
})
