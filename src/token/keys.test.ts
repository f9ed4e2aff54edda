import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { keyId, signingKeyFromPem, staticKeySource, verificationKeysFromPem } from './keys.ts'

/** Vectors made with OpenSSL: DER SPKI in base64, and the kid. */
const VECTORS: [name: string, spki: string, kid: string][] = [
  [
    'P-256',
    'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIFPAfKdXqCknR8q7P3p8jUME9CLu1kHeldvsc05ictf14MHwLtBtZkjcqMZR4vX3W2Emf+wmyjcyNTDRJH2QMg==',
    '4Xhg7NYw4sHhLkzWaFxUQcFTAg8iJeqh4ekVSMnOdt8',
  ],
  [
    'P-521',
    'MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQA1ajonsJpOdeitF/G/Cz5PQYdNu26JwSE1lsJGbcVnPyMR04plcXrUCZcsIhVyf+mImjwSzT99EgzisAOI4jPuAgBp6+HySIrKdBO0NVffrIEncmHU9nGwqSy9AhTkUHh5NeY4epINzqYkLo2T03gdjEcIxBel+xZyC0Ivw/b1P58HJc=',
    'eJwQgxS_YAA0RLdWblQe40DE01zFDMu3GKrMjCGiNUA',
  ],
  [
    'RSA-2048',
    'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA9GFDQvHDCyX+zpgX0eSM+0b1VAzLldfMtajNUmy50JVGaOwdoRbrooQuaBoeCYyyCka+e1HlEkx8fku5hcQdwE9sZhZ+EWyYB/JSSUdKyUlLsRZoOKYMroCE0/5Wu4zSKjJSGT8zabPfIonsiKOR/34nmZP7Aq/F/o2rdlxUESNmhOl/55yVyrKadnleZf5Y7YAUenThXyTShx0ryIoWuh7L1SqtxnK0+ybDIoKwq3+/d2f1zKIBF0LEO/aWLztLf9fSwupBv1sTNXN2Fkgs/GZUjADzEXq2G5IPhiK0QeqRbJwG+6FBXMCmT1Jz1kR0U1/PF/Jd9o1UHHHVKjd7YwIDAQAB',
    '4dDi95lsIYx0jmVnaNCp6sJC-VxMWStTnzZ1TlWafbU',
  ],
]

test.each(VECTORS)('keyId() of a %s key is the one Kubernetes computes', (_, spki, kid) => {
  expect(keyId(createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' }))).toBe(kid)
})

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const pem = {
  rsaPkcs1: rsa.privateKey.export({ format: 'pem', type: 'pkcs1' }).toString(),
  rsaPkcs8: rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  rsaSpki: rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  rsaPublicPkcs1: rsa.publicKey.export({ format: 'pem', type: 'pkcs1' }).toString(),
  ecSec1: ec.privateKey.export({ format: 'pem', type: 'sec1' }).toString(),
  ecPkcs8: ec.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  ecSpki: ec.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  ed: ed.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
}

describe('verificationKeysFromPem()', () => {
  test.each(['rsaPkcs1', 'rsaPkcs8', 'rsaSpki', 'ecSec1', 'ecSpki'] as const)('takes %s', (form) => {
    const [key, ...more] = verificationKeysFromPem(pem[form])
    expect(more).toEqual([])
    expect(key?.kid).toBe(keyId(form.startsWith('rsa') ? rsa.publicKey : ec.publicKey))
  })

  test.each(['rsaPublicPkcs1', 'ecPkcs8', 'ed'] as const)('does not take %s, as kube-apiserver does not', (form) => {
    expect(() => verificationKeysFromPem(pem[form])).toThrow('data does not contain any valid RSA or ECDSA public keys')
  })

  test('ignores labels, skips what it cannot read, keeps order and duplicates', () => {
    const mislabelled = pem.ecSpki.replaceAll('PUBLIC KEY', 'ANYTHING')
    const keys = verificationKeysFromPem(`${mislabelled}${pem.ed}${pem.rsaSpki}${pem.ecSpki}`)
    expect(keys.map((key) => key.algorithm)).toEqual(['ES256', 'RS256', 'ES256'])
  })
})

describe('signingKeyFromPem()', () => {
  test.each([
    ['rsaPkcs1', 'RS256'],
    ['rsaPkcs8', 'RS256'],
    ['ecSec1', 'ES256'],
    ['ecPkcs8', 'ES256'],
  ] as const)('takes %s', (form, algorithm) => {
    expect(signingKeyFromPem(pem[form]).algorithm).toBe(algorithm)
  })

  test('refuses public keys and keys of other kinds', () => {
    expect(() => signingKeyFromPem(pem.rsaSpki)).toThrow('data does not contain a valid RSA or ECDSA private key')
    expect(() => signingKeyFromPem(pem.ed)).toThrow('unknown private key type')
  })
})

test('staticKeySource() answers all keys for no kid, and none for an unknown one', () => {
  const source = staticKeySource(verificationKeysFromPem(pem.rsaSpki + pem.ecSpki))
  expect(source.byKid('').length).toBe(2)
  expect(source.byKid(keyId(ec.publicKey)).length).toBe(1)
  expect(source.byKid('unknown')).toEqual([])
})
