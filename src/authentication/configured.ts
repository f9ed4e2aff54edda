/**
 * AuthenticationConfiguration as it stands in a file, member by member, and what is made of it.
 *
 * @see apiserver/pkg/apis/apiserver/v1/types.go
 * @module
 */
import type { Expression } from './expressions.ts'

export interface AuthenticationDocument {
  jwt?: JwtDocument[]
  anonymous?: AnonymousDocument
}

export interface AnonymousDocument {
  enabled?: boolean
  conditions?: { path?: string }[]
}

export interface JwtDocument {
  issuer?: {
    url?: string
    discoveryURL?: string
    /** PEM. */
    certificateAuthority?: string
    audiences?: string[]
    audienceMatchPolicy?: string
    egressSelectorType?: string
  }
  claimValidationRules?: { claim?: string; requiredValue?: string; expression?: string; message?: string }[]
  claimMappings?: {
    username?: PrefixedClaimOrExpression
    groups?: PrefixedClaimOrExpression
    uid?: { claim?: string; expression?: string }
    extra?: { key?: string; valueExpression?: string }[]
  }
  userValidationRules?: { expression?: string; message?: string }[]
}

export interface PrefixedClaimOrExpression {
  claim?: string
  prefix?: string
  expression?: string
}

/** The expressions of one issuer, compiled. */
export interface JwtExpressions {
  username?: Expression
  groups?: Expression
  uid?: Expression
  extra: { key: string; value: Expression }[]
  claimRules: Rule[]
  userRules: Rule[]
}

export interface Rule {
  expression: Expression
  message: string
}

/** One issuer that was found to be good. */
export interface ConfiguredJwt {
  document: JwtDocument
  expressions: JwtExpressions
}
