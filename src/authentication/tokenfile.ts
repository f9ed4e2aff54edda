/**
 * `--token-auth-file`: static tokens in a CSV file, `token,user,uid[,"group1,group2"]`.
 *
 * @see apiserver/pkg/authentication/token/tokenfile/tokenfile.go; Go's encoding/csv
 * @module
 */
import { hash } from 'node:crypto'
import type { Authentication } from './authenticator.ts'
import type { TokenAuthenticator } from './token.ts'
import type { UserInfo } from './user.ts'

const NONE: Authentication = { outcome: 'none' }

/** Of two rows with one token the last counts. Wrap it in `audienceAgnostic`. */
export function tokenFileAuthenticator(users: ReadonlyMap<string, UserInfo>): TokenAuthenticator {
  const answers = new Map([...users].map(([token, user]): [string, Authentication] => [digest(token), { outcome: 'user', user }]))
  return {
    name: 'tokenfile',
    // By digest: how long a look-up takes tells nothing about the tokens.
    authenticateToken: (token) => answers.get(digest(token)) ?? NONE,
  }
}

/** Users by token. Throws with the file's name and what is wrong; never with what is in it. */
export function parseTokenFile(csv: string, file: string): Map<string, UserInfo> {
  const users = new Map<string, UserInfo>()
  for (const record of parseCsv(csv)) {
    const [token, username, uid, groups] = record
    if (username === undefined || uid === undefined) {
      throw new TypeError(`token file '${file}' must have at least 3 columns (token, user name, user uid), found ${record.length}`)
    }
    if (token === undefined || token === '') continue
    users.set(token, { username, ...(uid !== '' && { uid }), groups: groups === undefined ? [] : groups.split(',') })
  }
  return users
}

/** As Go's csv.Reader: quotes doubled inside quotes, empty lines skipped, a stray quote is an error. */
function parseCsv(csv: string): string[][] {
  const text = csv.replaceAll('\r\n', '\n')
  const records: string[][] = []
  let line = 1
  for (let at = 0; at < text.length; ) {
    if (text[at] === '\n') {
      at++
      line++
      continue
    }
    const record: string[] = []
    for (;;) {
      const field = text[at] === '"' ? quoted(text, at, line) : plain(text, at, line)
      record.push(field.value)
      at = field.end
      if (text[at] !== ',') break
      at++
    }
    at++
    line = text.slice(0, at).split('\n').length
    records.push(record)
  }
  return records
}

function plain(text: string, start: number, line: number): { value: string; end: number } {
  let end = start
  while (end < text.length && text[end] !== ',' && text[end] !== '\n') {
    if (text[end] === '"') throw new TypeError(`parse error on line ${line}: bare " in non-quoted field`)
    end++
  }
  return { value: text.slice(start, end), end }
}

function quoted(text: string, start: number, line: number): { value: string; end: number } {
  for (let end = start + 1; end < text.length; end++) {
    if (text[end] !== '"') continue
    if (text[end + 1] === '"') {
      end++
      continue
    }
    const after = text[end + 1]
    if (after !== undefined && after !== ',' && after !== '\n') break
    return { value: text.slice(start + 1, end).replaceAll('""', '"'), end: end + 1 }
  }
  throw new TypeError(`parse error on line ${line}: extraneous or missing " in quoted-field`)
}

function digest(token: string): string {
  return hash('sha256', token, 'base64')
}
