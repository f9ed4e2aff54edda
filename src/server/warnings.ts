/**
 * Warning headers of one answer.
 *
 * @see apiserver/pkg/endpoints/filters/warning.go, RFC 7234 section 5.5
 * @module
 */
const MAX_TOTAL_RUNES = 4096
const CUT_RUNES = 256

export class WarningList {
  readonly #texts = new Set<string>()

  add(text: string): void {
    if (text !== '') this.#texts.add(text)
  }

  /** `299 - "text"`; a text that no header can hold is dropped. */
  headers(): string[] {
    const all = [...this.#texts].filter(fitsHeader)
    const total = all.reduce((sum, text) => sum + [...text].length, 0)
    if (total <= MAX_TOTAL_RUNES) return all.map(headerOf)
    const cut: string[] = []
    let used = 0
    for (const text of all) {
      const short = [...text].slice(0, CUT_RUNES).join('')
      used += [...short].length
      if (used > MAX_TOTAL_RUNES) break
      cut.push(headerOf(short))
    }
    return cut
  }
}

function fitsHeader(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  return !/[\u0000-\u001f\u007f]/.test(text) && text.isWellFormed()
}

/** Header values are bytes: UTF-8, seen as Latin-1 by Node. */
function headerOf(text: string): string {
  const quoted = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  return `299 - "${Buffer.from(quoted).toString('latin1')}"`
}
