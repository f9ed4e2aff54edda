/**
 * Links between documents lead somewhere, and the npm scripts that documents name exist.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FLAGS_DOCUMENT, flagsDocument } from './document-flags.ts'

function documents(): string[] {
  const top = readdirSync('.').filter((name) => name.endsWith('.md'))
  const folders = ['docs', 'test', 'bench'].filter((folder) => existsSync(folder))
  const deep = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
      .map((entry) => join(entry.parentPath, entry.name)),
  )
  return [...top, ...deep]
}

/** GitHub's: lower case, punctuation gone, spaces to hyphens. */
function anchor(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
}

function anchorsOf(text: string): Set<string> {
  return new Set([...text.replace(/```[\s\S]*?```/g, '').matchAll(/^#+\s+(.+)$/gm)].map((match) => anchor(match[1] as string)))
}

export function documentationFindings(): string[] {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  const findings: string[] = []
  if (!existsSync(FLAGS_DOCUMENT) || readFileSync(FLAGS_DOCUMENT, 'utf8') !== flagsDocument())
    findings.push(`${FLAGS_DOCUMENT} is not what npm run docs writes`)
  for (const document of documents()) {
    const text = readFileSync(document, 'utf8')
    for (const [, link] of text.replace(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)\s]+)\)/g)) {
      if (link === undefined || /^[a-z]+:/.test(link)) continue
      const [path = '', fragment] = link.split('#')
      const target = path === '' ? document : join(dirname(document), path)
      if (!existsSync(target)) findings.push(`${document}: ${link} leads nowhere`)
      else if (fragment !== undefined && target.endsWith('.md') && !anchorsOf(readFileSync(target, 'utf8')).has(fragment))
        findings.push(`${document}: ${link}: there is no such heading`)
    }
    for (const [, script] of text.matchAll(/\bnpm run (?:-s )?([\w:-]+)/g)) {
      if (script !== undefined && scripts[script] === undefined) findings.push(`${document}: npm run ${script}: there is no such script`)
    }
  }
  return findings
}
