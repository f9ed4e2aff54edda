/**
 * How Go prints internal types as JSON inside error texts: they carry no JSON names, so members appear under their Go names, all of
 * them, in the order of the struct.
 *
 * @see pkg/apis/rbac/types.go, pkg/apis/core/types.go
 * @module
 */

/** `members` maps Go's name to the wire's; a missing string prints as `""`. */
export function goStruct(members: Readonly<Record<string, string>>, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).map(([go, wire]) => [go, value[wire] ?? '']))
}
