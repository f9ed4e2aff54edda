/**
 * The TypeScript files of a folder, as the checks read them.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Source {
  /** `src/rbac/evaluate.ts`, with slashes. */
  path: string
  text: string
  /** Tests and their test data may do what the rest may not. */
  isTest: boolean
}

export function readSources(folder: string): Source[] {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).replaceAll('\\', '/'))
    .filter((path) => !path.startsWith('src/api/types/'))
  return paths.sort().map((path) => ({
    path,
    text: readFileSync(path, 'utf8'),
    isTest: /\.(test|bench|conformance)\.ts$/.test(path) || /\/testdata[^/]*(\/|\.ts$)/.test(path),
  }))
}

/** The text without comments and with nothing moved: what was a comment is blank. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(),])\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, ' '))
}

export function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
