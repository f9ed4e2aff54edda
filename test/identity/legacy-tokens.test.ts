/**
 * Token Secrets before and after Kubernetes 1.24: none unless somebody asks for it, and one for every account with `--legacy-tokens`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { claimsOf } from './account-server.ts'
import { eventually, pod, startWorld, type World } from './kubectl.ts'

const TOKEN_SECRET = /^deploy-bot-token-[bcdfghjklmnpqrstvwxz2456789]{5} +kubernetes\.io\/service-account-token +3 +\d+s$/m

describe.each([
  { mode: 'by default', flags: [], secrets: 0 },
  { mode: 'with --legacy-tokens', flags: ['--legacy-tokens'], secrets: 1 },
])('$mode', ({ flags, secrets }) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld(...flags)
    await world.kubectl('create', 'namespace', 'production')
    await world.kubectl('create', 'serviceaccount', 'deploy-bot', '-n', 'production')
    // Settled: what a controller would make of an account, it has made of those that came before.
    if (secrets > 0) await eventually(async () => (await secretsOf('deploy-bot')).length === secrets)
  })
  afterAll(() => world?.stop())
  const secretsOf = async (account: string): Promise<{ name: string }[]> =>
    (await world.json('get', 'serviceaccount', account, '-n', 'production')).secrets ?? []

  test(`S31, S66: kubectl get secrets shows ${secrets === 0 ? 'no token of an account' : 'its token with three entries'}`, async () => {
    const { out, err } = await world.kubectl('get', 'secrets', '-n', 'production')
    if (secrets > 0) expect(out).toMatch(TOKEN_SECRET)
    else expect([out, err]).toEqual(['', 'No resources found in production namespace.\n'])
  })

  test(`S50: kubectl get serviceaccounts counts ${secrets}`, async () => {
    await eventually(async () => /^default +\d+ +\d+s$/m.test((await world.kubectl('get', 'serviceaccounts', '-n', 'production')).out))
    const { out } = await eventually(async () => {
      const listed = await world.kubectl('get', 'serviceaccounts', '-n', 'production')
      return secrets === 0 || /^default +1 /m.test(listed.out) ? listed : undefined
    })
    expect(out).toMatch(new RegExp(`^NAME +SECRETS +AGE\\ndefault +${secrets} +\\d+s\\ndeploy-bot +${secrets} +\\d+s\\n$`))
  })

  test('S29, S32: kubectl create token gives a bound token of an hour, and no Secret for it', async () => {
    const before = (await world.json('get', 'secrets', '-n', 'production')).items.length
    const token = (await world.kubectl('create', 'token', 'deploy-bot', '-n', 'production')).out.trim()
    const { exp, iat } = claimsOf(token)
    expect(exp - iat).toBe(3600)
    expect(await world.server.statusOf(token)).toBe(200)
    expect((await world.json('get', 'secrets', '-n', 'production')).items).toHaveLength(before)
  })

  test('S72: pods have a projected token and never the Secret', async () => {
    await world.apply(pod('worker', { serviceAccountName: 'deploy-bot' }, { namespace: 'production' }))
    const { volumes } = (await world.json('get', 'pod', 'worker', '-n', 'production')).spec
    expect(volumes).toHaveLength(1)
    expect(volumes[0].name).toMatch(/^kube-api-access-/)
  })

  if (secrets > 0)
    test('S32: the token in the Secret is one without an end, warned of, and dies with it', async () => {
      const [{ name } = { name: '' }] = await secretsOf('deploy-bot')
      const { data } = await world.json('get', 'secret', name, '-n', 'production')
      const token = Buffer.from(data.token, 'base64').toString()
      expect(claimsOf(token)).toMatchObject({ iss: 'kubernetes/serviceaccount', 'kubernetes.io/serviceaccount/secret.name': name })
      expect(claimsOf(token).exp).toBeUndefined()
      expect((await world.kubectlAs(token, 'get', '--raw', '/api')).err).toContain('auto-generated secret-based tokens')
      await world.kubectl('delete', 'secret', name, '-n', 'production')
      expect(await world.server.statusOf(token)).toBe(401)
      const next = await eventually(async () => (await secretsOf('deploy-bot')).find((one) => one.name !== name))
      expect(next.name).toMatch(/^deploy-bot-token-/)
    })
})

test('S50: the columns are those of the emulated version', async () => {
  const world = await startWorld('--emulated-version=1.36', '--legacy-tokens')
  try {
    expect((await world.kubectl('get', 'serviceaccounts')).out).toMatch(/^NAME +AGE\ndefault +\d+s\n$/)
  } finally {
    await world.stop()
  }
})
