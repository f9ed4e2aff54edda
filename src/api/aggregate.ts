/**
 * Several errors as one text.
 *
 * @see apimachinery/pkg/util/errors/errors.go
 * @module
 */

/** One as it is, several in brackets, each text once. */
export function aggregateErrors(errors: readonly string[]): string {
  const unique = [...new Set(errors)]
  return unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`
}
