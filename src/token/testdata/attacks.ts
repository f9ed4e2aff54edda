/**
 * JOSE attacks as data: every token here has to be refused, each with the reason why somebody would try it.
 *
 * Most are signed with a real key of ours, so that nothing but the attacked rule stands in the way.
 *
 * @see RFC 8725, JSON Web Token Best Current Practices; the CVEs of JOSE libraries
 * @module
 */
import { createHmac, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { keyId } from '../keys.ts'

export interface Attack {
  name: string
  why: string
  token: string
}

export interface AttackedWorld {
  issuer: string
  /** Account `ns/robot` with uid `sa-uid` exists, and pod `ns/p`, secret `ns/s`, node `n` with uid `<name>-uid`. */
  nowSeconds: number
  ours: { rsa: KeyObject; p256: KeyObject; p384: KeyObject }
  theirs: { rsa: KeyObject; p256: KeyObject }
}

type Json = Record<string, unknown>

/** Claims that would be accepted. */
export function honestClaims({ issuer, nowSeconds }: AttackedWorld): Json {
  return {
    aud: [issuer],
    exp: nowSeconds + 3600,
    iat: nowSeconds,
    iss: issuer,
    jti: 'j',
    'kubernetes.io': { namespace: 'ns', serviceaccount: { name: 'robot', uid: 'sa-uid' } },
    nbf: nowSeconds,
    sub: 'system:serviceaccount:ns:robot',
  }
}

export function attacks(world: AttackedWorld): Attack[] {
  const forge = forger(world)
  return [
    ...algorithms(forge),
    ...macConfusion(forge),
    ...keyConfusion(forge),
    ...embeddedKeys(forge),
    ...criticalHeaders(forge),
    ...headerShapes(forge),
    ...keyIds(forge),
    ...repeatedClaims(forge),
    ...wrongTypes(forge),
    ...times(forge),
    ...spellings(forge),
    ...signatures(forge),
    ...sizes(forge),
    ...names(forge),
    ...bindings(forge),
    ...issuers(forge),
    ...audiences(forge),
  ]
}

interface Forge {
  world: AttackedWorld
  claims: Json
  kid: Record<'rsa' | 'p256' | 'p384', string>
  /** RS256 with our key unless said otherwise; texts are taken as they are. */
  token(parts: {
    header?: Json | string
    payload?: Json | string | Buffer
    signature?: (input: Buffer) => Buffer
    headerMore?: Json
  }): string
  /** Signed by us, with claims changed. */
  claiming(changes: Json): string
}

function forger(world: AttackedWorld): Forge {
  const claims = honestClaims(world)
  const kid = {
    rsa: keyId(createPublicKey(world.ours.rsa)),
    p256: keyId(createPublicKey(world.ours.p256)),
    p384: keyId(createPublicKey(world.ours.p384)),
  }
  const token: Forge['token'] = ({
    header,
    payload = claims,
    signature = (input) => sign('sha256', input, world.ours.rsa),
    headerMore = {},
  }) => {
    const input = [header ?? { alg: 'RS256', kid: kid.rsa, ...headerMore }, payload]
      .map((part) => encoded(typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part)))
      .join('.')
    return `${input}.${signature(Buffer.from(input)).toString('base64url')}`
  }
  return { world, claims, kid, token, claiming: (changes) => token({ payload: { ...claims, ...changes } }) }
}

function encoded(text: string | Buffer): string {
  return (typeof text === 'string' ? Buffer.from(text) : text).toString('base64url')
}

function raw(hash: string, key: KeyObject): (input: Buffer) => Buffer {
  return (input) => sign(hash, input, { key, dsaEncoding: 'ieee-p1363' })
}

const nothing = () => Buffer.alloc(0)

function algorithms({ token, kid }: Forge): Attack[] {
  const spellings = [
    'none',
    'None',
    'NONE',
    'nOnE',
    '',
    ' ',
    'RS256 ',
    ' RS256',
    'rs256',
    'Rs256',
    'RS-256',
    'RSA256',
    'RS256\u0000',
    'ＲＳ256',
    'RS2\u03256',
  ]
  const others = [
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'PS512',
    'ES256',
    'ES384',
    'ES512',
    'ES256K',
    'EdDSA',
    'Ed25519',
    'RS1',
    'dir',
    'RSA-OAEP',
    'RSA1_5',
    'A128KW',
    'A256GCM',
    'ECDH-ES',
    'PBES2-HS256+A128KW',
  ]
  const shapes: unknown[] = [null, 0, 256, true, [], ['RS256'], {}, { alg: 'RS256' }]
  return [
    ...spellings.flatMap((alg) => [
      {
        name: `alg ${JSON.stringify(alg)} without a signature`,
        why: 'a verifier that believes the header verifies nothing',
        token: token({ header: { alg, kid: kid.rsa }, signature: nothing }),
      },
      {
        name: `alg ${JSON.stringify(alg)} with our RSA signature`,
        why: 'only the exact name of the algorithm of the key counts',
        token: token({ header: { alg, kid: kid.rsa } }),
      },
    ]),
    ...others.map((alg) => ({
      name: `alg ${alg} on the RSA key`,
      why: 'the key has one algorithm, the header does not choose another',
      token: token({ header: { alg, kid: kid.rsa } }),
    })),
    ...shapes.map((alg) => ({
      name: `alg ${JSON.stringify(alg)}`,
      why: 'an algorithm that is no string must not be turned into one',
      token: token({ header: { alg, kid: kid.rsa } }),
    })),
    { name: 'alg absent', why: 'no algorithm is not any algorithm', token: token({ header: { kid: kid.rsa } }) },
    {
      name: 'alg none on no key',
      why: 'no kid asks for all keys, none of which verifies nothing',
      token: token({ header: { alg: 'none' }, signature: nothing }),
    },
    { name: 'alg RS256 with an empty signature', why: 'absence of a signature is not success', token: token({ signature: nothing }) },
    {
      name: 'alg RS384 properly signed',
      why: 'closed list: a key of ours signs RS256 alone',
      token: token({ header: { alg: 'RS384', kid: kid.rsa } }),
    },
  ]
}

function macConfusion({ token, kid, world }: Forge): Attack[] {
  const publicKey = createPublicKey(world.ours.rsa)
  const secrets: [string, string | Buffer][] = [
    ['the SPKI in PEM', publicKey.export({ format: 'pem', type: 'spki' })],
    ['the SPKI in PEM, trimmed', publicKey.export({ format: 'pem', type: 'spki' }).toString().trim()],
    ['the SPKI in DER', publicKey.export({ format: 'der', type: 'spki' })],
    ['the PKCS#1 key in PEM', publicKey.export({ format: 'pem', type: 'pkcs1' })],
    ['the PKCS#1 key in DER', publicKey.export({ format: 'der', type: 'pkcs1' })],
    ['the JWK', JSON.stringify(publicKey.export({ format: 'jwk' }))],
    ['the modulus', Buffer.from(publicKey.export({ format: 'jwk' }).n!, 'base64url')],
    ['the kid', kid.rsa],
    ['nothing', ''],
  ]
  return ['HS256', 'HS384', 'HS512'].flatMap((alg) =>
    secrets.map(([what, secret]) => ({
      name: `${alg} with ${what} as its secret`,
      why: 'a public key is no secret: CVE-2015-9235 and its descendants',
      token: token({
        header: { alg, kid: kid.rsa },
        signature: (input) =>
          createHmac(`sha${alg.slice(2)}`, secret)
            .update(input)
            .digest(),
      }),
    })),
  )
}

function keyConfusion({ token, kid, world: { ours, theirs } }: Forge): Attack[] {
  const cases: [string, Json, (input: Buffer) => Buffer][] = [
    ["RS256 by a stranger under our RSA key's name", { alg: 'RS256', kid: kid.rsa }, (input) => sign('sha256', input, theirs.rsa)],
    ["ES256 by a stranger under our RSA key's name", { alg: 'ES256', kid: kid.rsa }, raw('sha256', theirs.p256)],
    ["ES256 by a stranger under our P-256 key's name", { alg: 'ES256', kid: kid.p256 }, raw('sha256', theirs.p256)],
    ['RS256 by a stranger without a name', { alg: 'RS256' }, (input) => sign('sha256', input, theirs.rsa)],
    ['ES256 by a stranger without a name', { alg: 'ES256' }, raw('sha256', theirs.p256)],
    [
      'RS256 by a stranger under its own name',
      { alg: 'RS256', kid: keyId(createPublicKey(theirs.rsa)) },
      (input) => sign('sha256', input, theirs.rsa),
    ],
    ['RS256 by our RSA key under the name of our P-256 key', { alg: 'RS256', kid: kid.p256 }, (input) => sign('sha256', input, ours.rsa)],
    ['ES256 by our P-256 key under the name of our RSA key', { alg: 'ES256', kid: kid.rsa }, raw('sha256', ours.p256)],
    ['ES256 by our P-256 key under the name of our P-384 key', { alg: 'ES256', kid: kid.p384 }, raw('sha256', ours.p256)],
    ['ES384 by our P-256 key', { alg: 'ES384', kid: kid.p256 }, raw('sha384', ours.p256)],
    ['ES512 by our P-384 key', { alg: 'ES512', kid: kid.p384 }, raw('sha512', ours.p384)],
    ['ES384 with the digest of ES256', { alg: 'ES384', kid: kid.p384 }, raw('sha256', ours.p384)],
    ['ES256 with the digest of ES512', { alg: 'ES256', kid: kid.p256 }, raw('sha512', ours.p256)],
    ['RS256 with the digest of RS1', { alg: 'RS256', kid: kid.rsa }, (input) => sign('sha1', input, ours.rsa)],
    ['RS256 with PSS padding', { alg: 'RS256', kid: kid.rsa }, (input) => sign('sha256', input, { key: ours.rsa, padding: 6 })],
  ]
  return cases.map(([name, header, signature]) => ({ name, why: 'one name, one key, one algorithm', token: token({ header, signature }) }))
}

function embeddedKeys({ token, kid, world: { theirs } }: Forge): Attack[] {
  const jwk = { ...createPublicKey(theirs.rsa).export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }
  const members: [string, unknown][] = [
    ['jwk', jwk],
    ['jwk', { ...jwk, kid: kid.rsa }],
    ['jku', 'https://attacker.example/keys'],
    ['jku', 'file:///etc/passwd'],
    ['x5u', 'https://attacker.example/certificate'],
    ['x5c', [createPublicKey(theirs.rsa).export({ format: 'der', type: 'spki' }).toString('base64')]],
    ['x5t', 'AAAA'],
    ['x5t#S256', 'AAAA'],
  ]
  const names: [string, Json][] = [
    ['under our name', { kid: kid.rsa }],
    ['under its own name', { kid: keyId(createPublicKey(theirs.rsa)) }],
    ['without a name', {}],
  ]
  return members.flatMap(([member, value], index) =>
    names.map(([how, name]) => ({
      name: `${member} (${index}) ${how}`,
      why: 'a token must not bring its own key: CVE-2018-0114',
      token: token({ header: { alg: 'RS256', ...name, [member]: value }, signature: (input) => sign('sha256', input, theirs.rsa) }),
    })),
  )
}

function criticalHeaders({ token, claims, kid }: Forge): Attack[] {
  const headers: Json[] = [
    { crit: ['exp'], exp: 1 },
    { crit: ['http://example.invalid/UNDEFINED'], 'http://example.invalid/UNDEFINED': true },
    { crit: ['b64'], b64: true },
    { crit: ['b64'], b64: false },
    { crit: ['alg'] },
    { crit: ['kid'] },
    { crit: [''] },
    { crit: [] },
    { crit: 'exp' },
    { crit: {} },
    { crit: null },
    { crit: 1 },
    { crit: [1] },
    { b64: false },
    { b64: true },
    { b64: 'false' },
    { b64: null },
  ]
  return [
    ...headers.map((headerMore) => ({
      name: `header ${JSON.stringify(headerMore)}`,
      why: 'what is critical has to be understood, and nothing is: RFC 7515 section 4.1.11, RFC 7797',
      token: token({ headerMore }),
    })),
    {
      name: 'an unencoded payload',
      why: 'b64 changes what is signed',
      token: (() => {
        const input = `${encoded(JSON.stringify({ alg: 'RS256', kid: kid.rsa, b64: false, crit: ['b64'] }))}.${JSON.stringify(claims)}`
        return `${input}.${token({}).split('.')[2]}`
      })(),
    },
  ]
}

function headerShapes({ token, kid }: Forge): Attack[] {
  const name = JSON.stringify(kid.rsa)
  const texts: [string, string][] = [
    ['alg twice, none first', `{"alg":"none","alg":"RS256","kid":${name}}`],
    ['alg twice, none last', `{"alg":"RS256","alg":"none","kid":${name}}`],
    ['alg twice, the same', `{"alg":"RS256","alg":"RS256","kid":${name}}`],
    ['alg twice, once escaped', `{"alg":"RS256","\\u0061lg":"RS256","kid":${name}}`],
    ['kid twice', `{"alg":"RS256","kid":"x","kid":${name}}`],
    ['kid twice, ours first', `{"alg":"RS256","kid":${name},"kid":"x"}`],
    ['an unknown member twice', `{"alg":"RS256","kid":${name},"x":1,"x":2}`],
    ['a member twice inside', `{"alg":"RS256","kid":${name},"x":{"y":1,"y":2}}`],
    ['ALG in capitals', `{"ALG":"RS256","kid":${name}}`],
    ['alg in the prototype', `{"__proto__":{"alg":"RS256"},"kid":${name}}`],
    ['an array', `["RS256",${name}]`],
    ['an array of one object', `[{"alg":"RS256","kid":${name}}]`],
    ['a string', '"RS256"'],
    ['a number', '1'],
    ['null', 'null'],
    ['true', 'true'],
    ['an empty object', '{}'],
    ['nothing', ''],
    ['a space', ' '],
    ['half an object', `{"alg":"RS256","kid":${name}`],
    ['two objects', `{"alg":"RS256","kid":${name}}{}`],
    ['a comma too many', `{"alg":"RS256","kid":${name},}`],
    ['single quotes', `{'alg':'RS256','kid':'${kid.rsa}'}`],
    ['a comment', `{"alg":"RS256",/**/"kid":${name}}`],
    ['a byte order mark', `\ufeff{"alg":"RS256","kid":${name}}`],
    ['a NUL at the end', `{"alg":"RS256","kid":${name}}\u0000`],
    ['a raw control character', `{"alg":"RS256","kid":${name},"x":"\u0001"}`],
    ['deep nesting', `{"alg":"RS256","kid":${name},"x":${'['.repeat(2000)}${']'.repeat(2000)}}`],
    ['deep objects', `{"alg":"RS256","kid":${name},"x":${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}}`],
  ]
  return texts.map(([what, header]) => ({
    name: `header: ${what}`,
    why: 'two parsers must not read two headers',
    token: token({ header }),
  }))
}

function keyIds({ token, kid, world: { theirs } }: Forge): Attack[] {
  const names: unknown[] = [
    '../../../../dev/null',
    '../../etc/passwd',
    '/proc/self/environ',
    'file:///dev/null',
    'https://attacker.example/key',
    "' UNION SELECT 'secret' --",
    "' OR '1'='1",
    '"; drop table keys; --',
    '$(id)',
    '`id`',
    '|cat /etc/passwd',
    '%00',
    `${kid.rsa}\u0000`,
    `${kid.rsa} `,
    ` ${kid.rsa}`,
    kid.rsa.toLowerCase(),
    kid.rsa.slice(0, -1),
    `${kid.rsa}=`,
    '*',
    '.*',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'undefined',
    'null',
    '0',
    0,
    null,
    true,
    [kid.rsa],
    { kid: kid.rsa },
    'k'.repeat(20_000),
  ]
  return names.map((name) => ({
    name: `kid ${JSON.stringify(name).slice(0, 60)}`,
    why: 'a kid is a name to look up, never a path, a query or a key',
    token: token({ header: { alg: 'RS256', kid: name }, signature: (input) => sign('sha256', input, theirs.rsa) }),
  }))
}

function repeatedClaims({ token, claims }: Forge): Attack[] {
  const json = JSON.stringify(claims)
  const evil: Record<string, string> = {
    aud: '["vault"]',
    exp: '99999999999',
    iat: '1',
    iss: '"https://other.example"',
    jti: '"x"',
    'kubernetes.io': '{"namespace":"kube-system","serviceaccount":{"name":"admin","uid":"x"}}',
    nbf: '1',
    sub: '"system:serviceaccount:kube-system:admin"',
  }
  const inside: Record<string, string> = { namespace: '"kube-system"', serviceaccount: '{"name":"admin","uid":"x"}' }
  const why = 'the first reader checks one, the second believes the other'
  return [
    ...Object.entries(evil).flatMap(([claim, value]) => [
      { name: `${claim} twice, the other first`, why, token: token({ payload: `{${JSON.stringify(claim)}:${value},${json.slice(1)}` }) },
      { name: `${claim} twice, the other last`, why, token: token({ payload: `${json.slice(0, -1)},${JSON.stringify(claim)}:${value}}` }) },
      {
        name: `${claim} twice, once escaped`,
        why,
        token: token({ payload: `${json.slice(0, -1)},"\\u00${claim.charCodeAt(0).toString(16)}${claim.slice(1)}":${value}}` }),
      },
    ]),
    ...Object.entries(inside).map(([claim, value]) => ({
      name: `kubernetes.io.${claim} twice`,
      why,
      token: token({ payload: json.replace('"kubernetes.io":{', `"kubernetes.io":{${JSON.stringify(claim)}:${value},`) }),
    })),
    { name: 'name twice in the account', why, token: token({ payload: json.replace('"name":"robot"', '"name":"admin","name":"robot"') }) },
    { name: 'uid twice in the account', why, token: token({ payload: json.replace('"uid":"sa-uid"', '"uid":"x","uid":"sa-uid"') }) },
    { name: 'an unknown claim twice', why, token: token({ payload: `{"x":1,"x":1,${json.slice(1)}` }) },
    {
      name: 'claims in the prototype',
      why: 'a member is what was written, not what is inherited',
      token: token({ payload: `{"__proto__":${json}}` }),
    },
    {
      name: 'private claims in the prototype',
      why: 'a member is what was written, not what is inherited',
      token: token({ payload: json.replace('"kubernetes.io":', '"__proto__":{"kubernetes.io":').replace('},"nbf"', '}},"nbf"') }),
    },
  ]
}

function wrongTypes({ claiming, claims, token }: Forge): Attack[] {
  const kubernetes = claims['kubernetes.io'] as Json
  const why = 'what is of another type is refused, not converted'
  const strings: unknown[] = [1, true, ['x'], { x: 1 }]
  const dates: unknown[] = ['9999999999', true, [1], { x: 1 }]
  const objects: unknown[] = [1, 'x', true, [{}]]
  const within = (changes: Json) => claiming({ 'kubernetes.io': { ...kubernetes, ...changes } })
  return [
    ...['iss', 'sub', 'jti'].flatMap((claim) =>
      strings.map((value) => ({ name: `${claim} ${JSON.stringify(value)}`, why, token: claiming({ [claim]: value }) })),
    ),
    ...['exp', 'iat', 'nbf'].flatMap((claim) =>
      dates.map((value) => ({ name: `${claim} ${JSON.stringify(value)}`, why, token: claiming({ [claim]: value }) })),
    ),
    ...[1, true, { 0: 'x' }, [1], [null], [['x']]].map((value) => ({
      name: `aud ${JSON.stringify(value)}`,
      why,
      token: claiming({ aud: value }),
    })),
    ...objects.map((value) => ({ name: `kubernetes.io ${JSON.stringify(value)}`, why, token: claiming({ 'kubernetes.io': value }) })),
    ...strings.map((value) => ({ name: `namespace ${JSON.stringify(value)}`, why, token: within({ namespace: value }) })),
    ...['serviceaccount', 'pod', 'secret', 'node'].flatMap((member) =>
      objects.map((value) => ({ name: `${member} ${JSON.stringify(value)}`, why, token: within({ [member]: value }) })),
    ),
    ...['name', 'uid'].flatMap((member) =>
      strings.map((value) => ({
        name: `account ${member} ${JSON.stringify(value)}`,
        why,
        token: within({ serviceaccount: { name: 'robot', uid: 'sa-uid', [member]: value } }),
      })),
    ),
    ...dates.map((value) => ({ name: `warnafter ${JSON.stringify(value)}`, why, token: within({ warnafter: value }) })),
    ...['[]', '"x"', '1', 'null', 'true', '', '{', `[${JSON.stringify(claims)}]`, `${JSON.stringify(claims)} x`, '{"iss":NaN}'].map(
      (payload) => ({
        name: `payload ${payload.slice(0, 20)}`,
        why: 'claims are one JSON object and nothing else',
        token: token({ payload }),
      }),
    ),
  ]
}

function times({ claiming, token, claims, world: { nowSeconds } }: Forge): Attack[] {
  const json = JSON.stringify(claims)
  const number = (claim: string, text: string) => token({ payload: json.replace(new RegExp(`"${claim}":\\d+`), `"${claim}":${text}`) })
  const cases: [string, string][] = [
    ['expired a while ago', claiming({ exp: nowSeconds - 3600 })],
    ['expired just beyond the leeway', claiming({ exp: nowSeconds - 61 })],
    ['expired by a fraction', claiming({ exp: nowSeconds - 60.5 })],
    ['expiring at the epoch', claiming({ exp: 0 })],
    ['expiring before the epoch', claiming({ exp: -1 })],
    ['expiring at minus zero', number('exp', '-0')],
    ['expiring in milliseconds', claiming({ exp: (nowSeconds + 3600) * 1000 })],
    ['expiring at 2^63', number('exp', '9223372036854775808')],
    ['expiring at -2^63', number('exp', '-9223372036854775808')],
    ['expiring at 2^64 + now', number('exp', '18446744075459551616')],
    ['expiring at 1e300', number('exp', '1e300')],
    ['expiring at 1e400, which is infinite', number('exp', '1e400')],
    ['expiring at -1e400', number('exp', '-1e400')],
    ['expiring at NaN', number('exp', 'NaN')],
    ['expiring at Infinity', number('exp', 'Infinity')],
    ['expiring at a hexadecimal number', number('exp', '0x7fffffff')],
    ['expiring at a number with a leading zero', number('exp', '09999999999')],
    ['expiring at a date', claiming({ exp: '2099-01-01T00:00:00Z' })],
    ['not yet valid', claiming({ nbf: nowSeconds + 3600 })],
    ['not yet valid, just beyond the leeway', claiming({ nbf: nowSeconds + 61 })],
    ['not valid before 1e400', number('nbf', '1e400')],
    ['not valid before 2^63', number('nbf', '9223372036854775808')],
    ['issued in the future', claiming({ iat: nowSeconds + 61 })],
    ['issued at 1e400', number('iat', '1e400')],
    ['warning at 1e400', token({ payload: json.replace('"namespace"', '"warnafter":1e400,"namespace"') })],
  ]
  return cases.map(([name, text]) => ({ name, why: 'time is a number of seconds within reason, and over when it is over', token: text }))
}

function spellings({ token, claims, kid }: Forge): Attack[] {
  const good = token({})
  const [header = '', payload = '', signature = ''] = good.split('.')
  const strayed = (part: string) =>
    `${part.slice(0, -1)}${'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.indexOf(part.at(-1)!) + 1]}`
  /** Of the lengths that leave bits over at the end. */
  const padded = (text: string) => (Buffer.byteLength(text) % 3 === 0 ? ' ' : '')
  const spacedHeader = JSON.stringify({ alg: 'RS256', kid: kid.rsa })
  const spacedPayload = JSON.stringify(claims)
  const stray = token({ header: spacedHeader + padded(spacedHeader), payload: spacedPayload + padded(spacedPayload) }).split('.')
  const cases: [string, string][] = [
    ['padding on the signature', `${good}==`],
    ['one = on the signature', `${good}=`],
    ['padding on the header', `${header}=.${payload}.${signature}`],
    ['padding on the payload', `${header}.${payload}==.${signature}`],
    ['stray bits in the signature', `${header}.${payload}.${strayed(signature)}`],
    ['stray bits in the header', [strayed(stray[0]!), stray[1], stray[2]].join('.')],
    ['stray bits in the payload', [stray[0], strayed(stray[1]!), stray[2]].join('.')],
    ['the other alphabet', `${header}.${payload}.${signature.replaceAll('-', '+').replaceAll('_', '/')}+`],
    ['a line break in the payload', `${header}.${payload.slice(0, 8)}\n${payload.slice(8)}.${signature}`],
    ['a carriage return in the signature', `${header}.${payload}.${signature.slice(0, 8)}\r${signature.slice(8)}`],
    ['a tab in the header', `${header.slice(0, 4)}\t${header.slice(4)}.${payload}.${signature}`],
    ['a NUL at the end', `${good}\u0000`],
    ['a NUL in the payload', `${header}.${payload}\u0000.${signature}`],
    ['a dot at the end', `${good}.`],
    ['a dot at the beginning', `.${good}`],
    ['two dots', `${header}..${payload}.${signature}`],
    ['four parts', `${good}.${signature}`],
    ['five parts, as of a JWE', `${good}.${signature}.${signature}`],
    ['two parts', `${header}.${payload}`],
    ['one part', header],
    ['no header', `.${payload}.${signature}`],
    ['no payload', `${header}..${signature}`],
    ['no signature', `${header}.${payload}.`],
    ['dots alone', '..'],
    ['one dot', '.'],
    ['parts in another order', `${payload}.${header}.${signature}`],
    ['percent signs', encodeURIComponent(good).replaceAll('.', '%2E')],
    ['quotes around it', `"${good}"`],
    ['twice, with a comma', `${good},${good}`],
    ['a full-width dot', `${header}．${payload}．${signature}`],
    ['a letter from elsewhere', `${header}.${payload}.${signature.slice(0, -1)}а`],
    ['a zero-width space', `${header}\u200b.${payload}.${signature}`],
    ['a lone surrogate', `${header}.${payload}.${signature}\ud800`],
    ['a JSON serialization', JSON.stringify({ payload, signatures: [{ protected: header, signature }] })],
    ['a flattened serialization', JSON.stringify({ payload, protected: header, signature })],
    [
      'a flattened serialization with an issuer hidden in dots',
      JSON.stringify({ payload, protected: header, signature, x: `.${payload}.` }),
    ],
    ['a token inside a token', token({ headerMore: { cty: 'JWT' }, payload: JSON.stringify(good) })],
    ['invalid UTF-8 in the payload', invalidUtf8(token, claims)],
    ['an overlong UTF-8 quote', invalidUtf8(token, claims, Buffer.of(0xc0, 0xa2))],
  ]
  return cases.map(([name, text]) => ({ name, why: 'one token, one spelling', token: text }))
}

function invalidUtf8(token: Forge['token'], claims: Json, bytes = Buffer.of(0xff)): string {
  const json = Buffer.from(JSON.stringify({ ...claims, x: 'MARK' }))
  const at = json.indexOf('MARK')
  return token({ payload: Buffer.concat([json.subarray(0, at), bytes, json.subarray(at + 4)]) })
}

function signatures({ token, kid, world: { ours } }: Forge): Attack[] {
  const [header, payload, text = ''] = token({}).split('.')
  const good = Buffer.from(text, 'base64url')
  const withSignature = (signature: Buffer) => `${header}.${payload}.${signature.toString('base64url')}`
  const flips = Array.from({ length: 32 }, (_, index) => index * 8).map((at): [string, string] => {
    const flipped = Buffer.from(good)
    flipped[at] = good[at]! ^ (1 << (at % 8))
    return [`a bit flipped in byte ${at}`, withSignature(flipped)]
  })
  const es256 = (change: (signature: Buffer) => Buffer) =>
    token({ header: { alg: 'ES256', kid: kid.p256 }, signature: (input) => change(raw('sha256', ours.p256)(input)) })
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
  const zeros = Buffer.alloc(32)
  const one = Buffer.concat([Buffer.alloc(31), Buffer.of(1)])
  const cases: [string, string][] = [
    ['cut by a byte', withSignature(good.subarray(0, -1))],
    ['cut in half', withSignature(good.subarray(0, good.length / 2))],
    ['cut to a byte', withSignature(good.subarray(0, 1))],
    ['a zero before', withSignature(Buffer.concat([Buffer.of(0), good]))],
    ['a zero after', withSignature(Buffer.concat([good, Buffer.of(0)]))],
    ['zeros', withSignature(Buffer.alloc(good.length))],
    ['all ones', withSignature(Buffer.alloc(good.length, 0xff))],
    ['the number one', withSignature(Buffer.concat([Buffer.alloc(good.length - 1), Buffer.of(1)]))],
    ['twice', withSignature(Buffer.concat([good, good]))],
    ['backwards', withSignature(Buffer.from(good).reverse())],
    [
      'of other claims',
      `${header}.${token({ payload: { ...JSON.parse(Buffer.from(payload!, 'base64url').toString()), jti: 'other' } }).split('.')[1]}.${text}`,
    ],
    ['ECDSA as DER', token({ header: { alg: 'ES256', kid: kid.p256 }, signature: (input) => sign('sha256', input, ours.p256) })],
    ['ECDSA of zeros (CVE-2022-21449)', es256(() => Buffer.concat([zeros, zeros]))],
    ['ECDSA with r = 0', es256((signature) => Buffer.concat([zeros, signature.subarray(32)]))],
    ['ECDSA with s = 0', es256((signature) => Buffer.concat([signature.subarray(0, 32), zeros]))],
    ['ECDSA with r = s = 1', es256(() => Buffer.concat([one, one]))],
    ['ECDSA with r = n', es256((signature) => Buffer.concat([order, signature.subarray(32)]))],
    ['ECDSA with s = n', es256((signature) => Buffer.concat([signature.subarray(0, 32), order]))],
    ['ECDSA with r = s = n', es256(() => Buffer.concat([order, order]))],
    ['ECDSA with all ones', es256(() => Buffer.alloc(64, 0xff))],
    ['ECDSA with r and s exchanged', es256((signature) => Buffer.concat([signature.subarray(32), signature.subarray(0, 32)]))],
    [
      'ECDSA with wider numbers',
      es256((signature) => Buffer.concat([Buffer.of(0), signature.subarray(0, 32), Buffer.of(0), signature.subarray(32)])),
    ],
    ['ECDSA with a zero after', es256((signature) => Buffer.concat([signature, Buffer.of(0)]))],
    ['ECDSA cut by a byte', es256((signature) => signature.subarray(0, -1))],
    ['ECDSA of no bytes', es256(nothing)],
    ...flips,
  ]
  return cases.map(([name, signed]) => ({
    name: `signature: ${name}`,
    why: 'a signature has one form, and has to be right',
    token: signed,
  }))
}

function sizes({ token, claims }: Forge): Attack[] {
  const why = 'nobody has a token like that, and reading it must cost next to nothing'
  const json = JSON.stringify(claims)
  const withMember = (value: string) => token({ payload: `${json.slice(0, -1)},"x":${value}}` })
  return [
    { name: 'longer than 64 KiB', why, token: token({ payload: { ...claims, x: 'x'.repeat(70_000) } }) },
    { name: 'a megabyte of letters', why, token: 'a'.repeat(1 << 20) },
    { name: 'a megabyte of dots', why, token: '.'.repeat(1 << 20) },
    { name: 'a megabyte in the header', why, token: `${'a'.repeat(1 << 20)}.e30.e30` },
    { name: 'an array in an array, 5,000 times', why, token: withMember(`${'['.repeat(5000)}${']'.repeat(5000)}`) },
    { name: 'an object in an object, 5,000 times', why, token: withMember(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`) },
    { name: 'half an array, 20,000 times', why, token: withMember('['.repeat(20_000)) },
    {
      name: '5,000 audiences, none ours',
      why,
      token: token({ payload: { ...claims, aud: Array.from({ length: 5000 }, (_, i) => `a${i}`) } }),
    },
    {
      name: 'a header of 3,000 members with one twice',
      why,
      token: token({ header: `{${Array.from({ length: 3000 }, (_, i) => `"m${i % 2999}":1`).join(',')}}` }),
    },
  ]
}

function names({ claiming, claims }: Forge): Attack[] {
  const kubernetes = claims['kubernetes.io'] as Json
  const tricks = (name: string) => [
    `${name}\u0000`,
    `${name}\u200b`,
    `${name} `,
    ` ${name}`,
    name.toUpperCase(),
    `${name}\u0301`,
    [...name].map((c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0)).join(''),
    `\u202e${[...name].reverse().join('')}`,
    name.replace('o', '\u043e').replace('s', '\u0455'),
    `../ns/${name}`,
    `${name}/`,
    `/${name}`,
    `${name}/${name}`,
    `${name}:${name}`,
    '*',
    '',
    '__proto__',
    'constructor',
  ]
  const why = 'a name is compared byte by byte with what is stored'
  return [
    ...tricks('robot').map((name) => ({
      name: `account ${JSON.stringify(name)}`,
      why,
      token: claiming({
        sub: `system:serviceaccount:ns:${name}`,
        'kubernetes.io': { ...kubernetes, serviceaccount: { name, uid: 'sa-uid' } },
      }),
    })),
    ...tricks('ns').map((namespace) => ({
      name: `namespace ${JSON.stringify(namespace)}`,
      why,
      token: claiming({ sub: `system:serviceaccount:${namespace}:robot`, 'kubernetes.io': { ...kubernetes, namespace } }),
    })),
    ...['', 'SA-UID', 'sa-uid ', 'sa', 'undefined', 'sa-uid\u0000', '__proto__'].map((uid) => ({
      name: `account uid ${JSON.stringify(uid)}`,
      why: 'a namesake is somebody else',
      token: claiming({ 'kubernetes.io': { ...kubernetes, serviceaccount: { name: 'robot', uid } } }),
    })),
    { name: 'no account', why, token: claiming({ 'kubernetes.io': { namespace: 'ns' } }) },
    { name: 'no private claims', why, token: claiming({ 'kubernetes.io': undefined }) },
    { name: 'private claims null', why, token: claiming({ 'kubernetes.io': null }) },
  ]
}

function bindings({ claiming, claims }: Forge): Attack[] {
  const kubernetes = claims['kubernetes.io'] as Json
  const cases: [string, Json][] = [
    ['a pod that is not there', { pod: { name: 'x', uid: 'p-uid' } }],
    ['a pod with another uid', { pod: { name: 'p', uid: 'x' } }],
    ['a pod without a uid', { pod: { name: 'p' } }],
    ['a pod without a name', { pod: { uid: 'p-uid' } }],
    ['an empty pod', { pod: {} }],
    ['a secret that is not there', { secret: { name: 'x', uid: 's-uid' } }],
    ['a secret with another uid', { secret: { name: 's', uid: 'x' } }],
    ['an empty secret', { secret: {} }],
    ['a node that is not there', { node: { name: 'x', uid: 'n-uid' } }],
    ['a node with another uid', { node: { name: 'n', uid: 'x' } }],
    ['an empty node', { node: {} }],
    ['a good pod and a dead secret', { pod: { name: 'p', uid: 'p-uid' }, secret: { name: 'x', uid: 'x' } }],
    ['a dead pod and a good node', { pod: { name: 'x', uid: 'x' }, node: { name: 'n', uid: 'n-uid' } }],
    ['a pod by the path of another namespace', { pod: { name: '../ns/p', uid: 'p-uid' } }],
  ]
  return cases.map(([name, binding]) => ({
    name: `bound to ${name}`,
    why: 'a token dies with what it is bound to',
    token: claiming({ 'kubernetes.io': { ...kubernetes, ...binding } }),
  }))
}

function issuers({ claiming, token, world: { issuer } }: Forge): Attack[] {
  const why = 'issuers are compared byte by byte'
  const legacy = {
    iss: 'kubernetes/serviceaccount',
    sub: 'system:serviceaccount:ns:robot',
    'kubernetes.io/serviceaccount/namespace': 'ns',
    'kubernetes.io/serviceaccount/secret.name': 's',
    'kubernetes.io/serviceaccount/service-account.name': 'robot',
    'kubernetes.io/serviceaccount/service-account.uid': 'sa-uid',
  }
  const tricks = [
    `${issuer}/`,
    issuer.toUpperCase(),
    issuer.replace('https', 'http'),
    issuer.replace('//', '//user@'),
    `${issuer}#`,
    `${issuer}?`,
    `${issuer}\u0000`,
    ` ${issuer}`,
    '',
    '*',
    'https://attacker.example',
  ]
  const dropped = Object.keys(legacy).filter((claim) => claim !== 'iss')
  return [
    ...tricks.map((iss) => ({ name: `iss ${JSON.stringify(iss)}`, why, token: claiming({ iss }) })),
    { name: 'iss absent', why, token: claiming({ iss: undefined }) },
    { name: 'iss null', why, token: claiming({ iss: null }) },
    {
      name: 'bound claims of the legacy issuer',
      why: 'a legacy token needs legacy claims',
      token: claiming({ iss: 'kubernetes/serviceaccount' }),
    },
    {
      name: 'legacy claims of the present issuer',
      why: 'legacy claims name nobody to the present issuer',
      token: token({ payload: { ...legacy, iss: issuer } }),
    },
    { name: 'legacy claims for a secret that does not hold the token', why: 'the secret is the proof', token: token({ payload: legacy }) },
    ...dropped.map((claim) => ({
      name: `legacy claims without ${claim}`,
      why: 'each is needed',
      token: token({ payload: { ...legacy, [claim]: undefined } }),
    })),
    ...dropped.map((claim) => ({
      name: `legacy claims with another ${claim}`,
      why: 'all have to name the same',
      token: token({ payload: { ...legacy, [claim]: 'x' } }),
    })),
  ]
}

function audiences({ claiming, world: { issuer } }: Forge): Attack[] {
  return ['', 'vault', `${issuer}/`, issuer.toUpperCase(), ` ${issuer}`, '*', ['vault'], ['', 'vault'], [issuer.slice(0, -1)]].map(
    (aud) => ({
      name: `aud ${JSON.stringify(aud)}`,
      why: 'a token for somebody else is not for us',
      token: claiming({ aud }),
    }),
  )
}
