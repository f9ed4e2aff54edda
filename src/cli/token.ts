/**
 * `podpass token explain`: a token in words. It is read from stdin, a file or an argument, and never printed.
 *
 * @module
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import process from 'node:process'
import type { HttpsClient } from '../client/https-client.ts'
import { systemClock } from '../clock.ts'
import { type ExplainOptions, explainToken, explanationText } from '../token/explain.ts'
import { isTokenLike, MAX_TOKEN_LENGTH, MalformedTokenError, parseJws, parseStrictObject } from '../token/jwt.ts'
import { staticKeySource, type VerificationKey, verificationKey, verificationKeysFromPem } from '../token/keys.ts'
import { TokenVerifier, type Verification } from '../token/verify.ts'
import { command, type Terminal } from './command.ts'
import { connect, KUBECONFIG_FLAGS, reporting } from './connection.ts'
import { UsageError } from './flags.ts'
import { OUTPUT_FLAG, outputFormat, printAs } from './output.ts'

export const tokenCommand = command({
  usage: 'token explain [TOKEN] [FLAGS]',
  description:
    'Says in words what a token claims, what it is bound to, how long it lives and what would end it sooner. The token comes from stdin, from\n--file or as an argument (which other users of this host can see), and is never printed. Nothing is sent anywhere without --online.',
  flags: {
    file: { type: 'string', short: 'f', value: 'file', help: 'The file that holds the token.' },
    online: {
      type: 'bool',
      default: false,
      help: 'Ask the server of the kubeconfig, by a TokenReview, whether it is alive; it gets the token.',
    },
    keys: {
      type: 'string',
      value: 'file',
      help: "Public keys to check the signature with: a JWKS, or PEM as kube-apiserver takes it. With --online the server's own when not given.",
    },
    audience: {
      type: 'strings',
      value: 'audience, comma-separated or repeated',
      default: [] as readonly string[],
      help: 'What a call that was refused wanted: said is whether the token is meant for it.',
    },
    ...KUBECONFIG_FLAGS,
    output: OUTPUT_FLAG,
  },
  run({ values, words }, terminal) {
    const format = outputFormat(values.output)
    const [action, given, ...more] = words
    if (action !== 'explain' || more.length > 0) throw new UsageError('podpass token explain [TOKEN] is what there is')
    if (given !== undefined && values.file !== undefined) throw new UsageError('the token comes from --file or as an argument, not both')
    if (!values.online && (values.kubeconfig !== undefined || values.context !== undefined))
      throw new UsageError('--kubeconfig and --context need --online: without it no server is asked')
    return reporting(terminal, async () => {
      const token = await tokenOf(given, values.file, terminal)
      const keys = values.keys === undefined ? undefined : keysFrom(fileText(values.keys, terminal), `--keys=${values.keys}`)
      const nowMs = systemClock.nowMs()
      const client = values.online ? connect(values, terminal).client : undefined
      try {
        const known = keys ?? (client === undefined ? undefined : await publishedKeys(client))
        const options: ExplainOptions = {
          nowMs,
          wantedAudiences: values.audience,
          verification: known === undefined ? undefined : verificationBy(known, token, nowMs),
          review: client === undefined ? undefined : await reviewOf(client, token, values.audience),
        }
        const explanation = explainToken(token, options)
        printAs(terminal, format, explanation, () => explanationText(explanation, nowMs))
        return explanation.kind === 'malformed' ? 1 : 0
      } finally {
        client?.close()
      }
    })
  },
})

async function tokenOf(given: string | undefined, file: string | undefined, terminal: Terminal): Promise<string> {
  const source =
    file !== undefined ? fileText(file, terminal) : given !== undefined && given !== '-' ? given : await (terminal.input ?? processInput)()
  // `Authorization: Bearer …` is what one has copied out of a log.
  const token = source.trim().replace(/^(authorization:\s*)?bearer\s+/i, '')
  if (token === '') throw new UsageError('there is no token: give it on stdin, by --file or as an argument')
  if (token.length > MAX_TOKEN_LENGTH) throw new UsageError(`a token has at most ${MAX_TOKEN_LENGTH} characters`)
  return token
}

/** No further than a token goes: what comes may have no end. */
async function processInput(): Promise<string> {
  let input = ''
  for await (const more of process.stdin.setEncoding('utf8')) {
    input += more
    if (input.length > 2 * MAX_TOKEN_LENGTH) break
  }
  return input
}

function fileText(path: string, { cwd }: Terminal): string {
  try {
    return readFileSync(resolve(cwd, path), 'utf8')
  } catch (error) {
    // Node's own words name the file once more.
    const { code = '' } = error as NodeJS.ErrnoException
    if (isTokenLike(path)) throw new UsageError('a file is wanted, and that is a token: give it on stdin, or as an argument')
    throw new UsageError(`${path} cannot be read: ${code === 'ENOENT' ? 'there is no such file' : code}`)
  }
}

/** Those of a JWKS or of PEM blocks that service account tokens can be signed with. @throws UsageError */
function keysFrom(content: string, where: string): VerificationKey[] {
  try {
    return content.trimStart().startsWith('{') ? keysOfSet(JSON.parse(content)) : verificationKeysFromPem(content)
  } catch (error) {
    // What a parser of JSON says quotes the text.
    throw new UsageError(`${where}: ${error instanceof SyntaxError ? 'no JSON' : (error as Error).message}`)
  }
}

/** @see RFC 7517 section 5 */
function keysOfSet({ keys }: { keys?: (JsonWebKey & { kid?: string; use?: string })[] }): VerificationKey[] {
  if (!Array.isArray(keys)) throw new TypeError('a JWKS has keys')
  return keys.flatMap((jwk) => {
    if (jwk.use !== undefined && jwk.use !== 'sig') return []
    const key = verificationKey(createPublicKey({ key: jwk, format: 'jwk' }))
    return [jwk.kid === undefined ? key : { ...key, kid: jwk.kid }]
  })
}

/** Undefined where the server keeps them from us. */
async function publishedKeys(client: HttpsClient): Promise<VerificationKey[] | undefined> {
  const { status, body } = await client.request({ method: 'GET', path: '/openid/v1/jwks', accept: 'application/jwk-set+json' })
  if (status !== 200) return undefined
  return keysFrom(typeof body === 'string' ? body : JSON.stringify(body), 'the keys of the server')
}

/** Whether one of the keys signed it, whoever issued it and whomever it is for. */
function verificationBy(keys: readonly VerificationKey[], token: string, nowMs: number): Verification | undefined {
  let payload: Record<string, unknown>
  try {
    payload = parseStrictObject(parseJws(token).payload, 'payload')
  } catch (error) {
    if (error instanceof MalformedTokenError) return undefined
    throw error
  }
  const { iss, aud } = payload
  const audiences = (Array.isArray(aud) ? aud : [aud]).filter((one): one is string => typeof one === 'string')
  const verifier = new TokenVerifier({
    keys: staticKeySource(keys),
    issuers: typeof iss === 'string' ? [iss] : [],
    apiAudiences: audiences,
  })
  return verifier.verifyToken(token, { nowMs })
}

async function reviewOf(client: HttpsClient, token: string, audiences: readonly string[]): Promise<ExplainOptions['review']> {
  const review = await client.call({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: audiences.length === 0 ? { token } : { token, audiences } },
  })
  return review['status'] ?? {}
}
