/**
 * From text to a tree: the grammar is the library's, its type checker and evaluator are not used.
 *
 * @module
 */
import { Environment } from '@marcbachmann/cel-js'
import { CelError } from './values.ts'

export interface Node {
  op: string
  /** A value, a name, operands, or a name with arguments, by `op`. */
  args: any
}

/** @see github.com/google/cel-go, parser/options.go */
const MAX_CODE_POINTS = 100_000
const MAX_DEPTH = 100
const MAX_NODES = 20_000

const environment = new Environment({
  unlistedVariablesAreDyn: true,
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
  limits: { maxAstNodes: MAX_NODES, maxDepth: MAX_DEPTH, maxListElements: 1000, maxMapEntries: 1000, maxCallArguments: 32 },
})

/** Throws a CelError. */
export function parseExpression(text: string): Node {
  if (text.length > MAX_CODE_POINTS)
    throw new CelError(`expression code point size exceeds limit: size: ${text.length}, limit ${MAX_CODE_POINTS}`)
  try {
    return environment.parse(text).ast as unknown as Node // the library's nodes have more members
  } catch (error) {
    const message = error instanceof Error ? ((error as Error & { summary?: string }).summary ?? error.message) : String(error)
    throw new CelError(`Syntax error: ${message}`)
  }
}
