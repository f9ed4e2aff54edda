/**
 * Several failures as one, printed as Kubernetes prints them.
 *
 * @see apimachinery/pkg/util/errors/errors.go
 * @module
 */

class AuthenticationErrors extends Error {
  readonly errors: readonly Error[]
  constructor(errors: readonly Error[], message: string) {
    super(message)
    this.name = 'AuthenticationErrors'
    this.errors = errors
  }
}

/** One text stands bare, several as `[a, b]`; repeated ones count once; nested aggregates are flattened. */
export function aggregate(errors: readonly Error[]): Error {
  const flat = errors.flatMap((error) => (error instanceof AuthenticationErrors ? error.errors : [error]))
  const texts = [...new Set(flat.map((error) => error.message))]
  if (flat.length === 1) return flat[0]!
  return new AuthenticationErrors(flat, texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`)
}
