import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { parseJws, signJws, verifyJws } from './jwt.ts'
import { signingKey, verificationKey } from './keys.ts'

test('however many ask for RSA signatures at once, each gets its own, also after one that fails', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = signingKey(privateKey)
  const broken = { ...key, privateKey: createPublicKey(privateKey) }
  const asked = Array.from({ length: 60 }, (_, at) => signJws(at % 20 === 5 ? broken : key, `{"n":${at}}`))
  const verification = verificationKey(createPublicKey(privateKey))
  for (const [at, outcome] of (await Promise.allSettled(asked)).entries()) {
    if (at % 20 === 5) expect(outcome.status).toBe('rejected')
    else {
      const jws = parseJws(outcome.status === 'fulfilled' ? outcome.value : '')
      expect([jws.payload, verifyJws(jws, verification)]).toEqual([`{"n":${at}}`, true])
    }
  }
})
