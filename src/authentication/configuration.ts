/**
 * AuthenticationConfiguration: whose tokens count beside those of service accounts, as whom, and where anonymous requests are let in.
 *
 * @see apiserver/pkg/apis/apiserver/validation/validation.go; pkg/kubeapiserver/options/authentication.go
 * @module
 */
import { aggregateErrors } from '../api/aggregate.ts'
import { ConfigurationError, type ConfigurationKind, decodeConfiguration } from '../api/configuration.ts'
import { duplicate, type FieldError, fieldErrorText, forbiddenField, invalidValue, required, tooMany } from '../api/field.ts'
import { goUrl } from '../api/gourl.ts'
import { dns1123SubdomainErrors, regexText } from '../api/names.ts'
import { pemCertificatesProblem } from '../pki/pem-certificates.ts'
import type {
  AnonymousDocument,
  AuthenticationDocument,
  ConfiguredJwt,
  JwtDocument,
  JwtExpressions,
  PrefixedClaimOrExpression,
  Rule,
} from './configured.ts'
import type { CompileExpression, Expression, Subject } from './expressions.ts'

const MAX_ISSUERS = 64

const KIND: ConfigurationKind = {
  kind: 'AuthenticationConfiguration',
  group: 'apiserver.config.k8s.io',
  versions: ['v1', 'v1beta1', 'v1alpha1'],
  scheme: 'pkg/kubeapiserver/options/authentication.go:879',
  structs: {
    AuthenticationConfiguration: { kind: 'string', apiVersion: 'string', jwt: '[JWTAuthenticator]', anonymous: '*AnonymousAuthConfig' },
    AnonymousAuthConfig: { enabled: 'boolean', conditions: '[AnonymousAuthCondition]' },
    AnonymousAuthCondition: { path: 'string' },
    JWTAuthenticator: {
      issuer: 'Issuer',
      claimValidationRules: '[ClaimValidationRule]',
      claimMappings: 'ClaimMappings',
      userValidationRules: '[UserValidationRule]',
    },
    Issuer: {
      url: 'string',
      discoveryURL: '*string',
      certificateAuthority: 'string',
      audiences: '[string]',
      audienceMatchPolicy: 'string',
      egressSelectorType: 'string',
    },
    ClaimValidationRule: { claim: 'string', requiredValue: 'string', expression: 'string', message: 'string' },
    ClaimMappings: {
      username: 'PrefixedClaimOrExpression',
      groups: 'PrefixedClaimOrExpression',
      uid: 'ClaimOrExpression',
      extra: '[ExtraMapping]',
    },
    PrefixedClaimOrExpression: { claim: 'string', prefix: '*string', expression: 'string' },
    ClaimOrExpression: { claim: 'string', expression: 'string' },
    ExtraMapping: { key: 'string', valueExpression: 'string' },
    UserValidationRule: { expression: 'string', message: 'string' },
  },
}

export interface ConfiguredAuthentication {
  jwt: ConfiguredJwt[]
  anonymous: AnonymousDocument | undefined
}

export interface AuthenticationChecks {
  compile: CompileExpression
  /** The server's own issuers: nobody else may speak in their name. */
  disallowedIssuers: readonly string[]
  /** What the file said of anonymous requests when the server started: it may not say anything else later. */
  before?: ConfiguredAuthentication
}

/** What stands in a file. @throws ConfigurationError */
export function authenticationDocument(bytes: Buffer): AuthenticationDocument {
  if (bytes.length === 0) throw new ConfigurationError('empty config data')
  return decodeConfiguration(bytes, KIND)
}

/** What was read, found to be good. @throws ConfigurationError with everything that is wrong, each by its path */
export function checkedAuthentication(document: AuthenticationDocument, checks: AuthenticationChecks): ConfiguredAuthentication {
  const { jwt: issuers = [], anonymous } = document
  const errors: FieldError[] = []
  const jwt = issuers.length > MAX_ISSUERS ? [] : checkIssuers(issuers, checks, errors)
  if (issuers.length > MAX_ISSUERS) errors.push(tooMany('jwt', issuers.length, MAX_ISSUERS))
  else if (anonymous !== undefined && anonymous.enabled !== true && (anonymous.conditions ?? []).length > 0) {
    // Upstream prints its own structs.
    const conditions = anonymous.conditions?.map(({ path = '' }) => ({ Path: path }))
    errors.push(invalidValue('anonymous.conditions', conditions, 'enabled should be set to true when conditions are defined'))
  }
  if (checks.before !== undefined && JSON.stringify(checks.before.anonymous) !== JSON.stringify(anonymous))
    errors.push(forbiddenField('anonymous', 'changed from initial configuration file'))
  if (errors.length > 0) throw new ConfigurationError(aggregateErrors(errors.map(fieldErrorText)))
  return { jwt, anonymous }
}

function checkIssuers(
  issuers: readonly JwtDocument[],
  { compile, disallowedIssuers }: AuthenticationChecks,
  errors: FieldError[],
): ConfiguredJwt[] {
  const urls = new Set<string>()
  const discoveryUrls = new Set<string>()
  return issuers.map((document, index) => {
    const at = `jwt[${index}]`
    const check = new JwtCheck(compile, disallowedIssuers, errors)
    const expressions = check.document(document, at)
    const { url = '', discoveryURL = '' } = document.issuer ?? {}
    if (urls.has(url)) errors.push(duplicate(`${at}.issuer.url`, url))
    urls.add(url)
    if (discoveryURL !== '' && discoveryUrls.has(discoveryURL)) errors.push(duplicate(`${at}.issuer.discoveryURL`, discoveryURL))
    if (discoveryURL !== '') discoveryUrls.add(discoveryURL)
    return { document, expressions }
  })
}

class JwtCheck {
  readonly #compile: CompileExpression
  readonly #disallowed: readonly string[]
  readonly #errors: FieldError[]
  readonly #made: JwtExpressions = { extra: [], claimRules: [], userRules: [] }

  constructor(compile: CompileExpression, disallowed: readonly string[], errors: FieldError[]) {
    this.#compile = compile
    this.#disallowed = disallowed
    this.#errors = errors
  }

  document(
    { issuer = {}, claimValidationRules = [], claimMappings = {}, userValidationRules = [] }: JwtDocument,
    at: string,
  ): JwtExpressions {
    this.#issuer(issuer, `${at}.issuer`)
    this.#claimRules(claimValidationRules, `${at}.claimValidationRules`)
    this.#mappings(claimMappings, `${at}.claimMappings`)
    this.#userRules(userValidationRules, `${at}.userValidationRules`)
    return this.#made
  }

  #issuer(issuer: NonNullable<JwtDocument['issuer']>, at: string): void {
    const { url = '', discoveryURL = '', audiences = [], audienceMatchPolicy: policy = '' } = issuer
    if (url === '') this.#errors.push(required(`${at}.url`))
    else this.#url(url, `${at}.url`, this.#disallowed)
    if (discoveryURL !== '') {
      const bare = (text: string) => text.replace(/\/+$/, '')
      if (url !== '' && bare(url) === bare(discoveryURL))
        this.#errors.push(invalidValue(`${at}.discoveryURL`, discoveryURL, 'discoveryURL must be different from URL'))
      this.#url(discoveryURL, `${at}.discoveryURL`, [])
    }
    this.#audiences(audiences, policy, at)
    const { certificateAuthority = '', egressSelectorType = '' } = issuer
    const problem = certificateAuthority === '' ? undefined : pemCertificatesProblem(certificateAuthority)
    if (problem !== undefined) this.#errors.push(invalidValue(`${at}.certificateAuthority`, '<omitted>', problem))
    if (!['', 'controlplane', 'cluster'].includes(egressSelectorType))
      this.#errors.push(
        invalidValue(`${at}.egressSelectorType`, egressSelectorType, 'egress selector must be either controlplane or cluster'),
      )
  }

  #url(text: string, at: string, disallowed: readonly string[]): void {
    const wrong = (detail: string) => this.#errors.push(invalidValue(at, text, detail))
    if (disallowed.includes(text)) wrong(`URL must not overlap with disallowed issuers: [${[...disallowed].sort().join(' ')}]`)
    const url = goUrl(text)
    if (typeof url === 'string') return void wrong(url)
    if (url.scheme !== 'https') wrong('URL scheme must be https')
    if (url.hasUser) wrong('URL must not contain a username or password')
    if (url.query !== '') wrong('URL must not contain a query')
    if (url.fragment !== '') wrong('URL must not contain a fragment')
  }

  #audiences(audiences: readonly string[], policy: string, at: string): void {
    const errors = this.#errors
    if (audiences.length === 0) return void errors.push(required(`${at}.audiences`, `at least one ${at}.audiences is required`))
    audiences.forEach((audience, index) => {
      if (audience === '') errors.push(required(`${at}.audiences[${index}]`))
      if (audiences.indexOf(audience) < index) errors.push(duplicate(`${at}.audiences[${index}]`, audience))
    })
    const wrong = (detail: string) => errors.push(invalidValue(`${at}.audienceMatchPolicy`, policy, detail))
    if (audiences.length > 1 && policy !== 'MatchAny') wrong('audienceMatchPolicy must be MatchAny for multiple audiences')
    if (audiences.length === 1 && policy !== '' && policy !== 'MatchAny')
      wrong('audienceMatchPolicy must be empty or MatchAny for single audience')
  }

  #claimRules(rules: NonNullable<JwtDocument['claimValidationRules']>, at: string): void {
    const errors = this.#errors
    const claims = new Set<string>()
    const seen = new Set<string>()
    rules.forEach(({ claim = '', requiredValue = '', expression = '', message = '' }, index) => {
      const here = `${at}[${index}]`
      if (claim !== '' && expression !== '') errors.push(invalidValue(here, claim, "claim and expression can't both be set"))
      else if (claim === '' && expression === '') errors.push(required(here, 'claim or expression is required'))
      else if (claim !== '') {
        if (message !== '') errors.push(invalidValue(`${here}.message`, message, 'may not be specified when claim is set'))
        if (claims.has(claim)) errors.push(duplicate(`${here}.claim`, claim))
        claims.add(claim)
      } else {
        if (requiredValue !== '')
          errors.push(invalidValue(`${here}.requiredValue`, requiredValue, 'may not be specified when expression is set'))
        this.#rule(expression, message, 'claims', `${here}.expression`, seen, this.#made.claimRules)
      }
    })
  }

  #userRules(rules: NonNullable<JwtDocument['userValidationRules']>, at: string): void {
    const seen = new Set<string>()
    rules.forEach(({ expression = '', message = '' }, index) => {
      const here = `${at}[${index}].expression`
      if (expression === '') this.#errors.push(required(here))
      else this.#rule(expression, message, 'user', here, seen, this.#made.userRules)
    })
  }

  #rule(text: string, message: string, subject: Subject, at: string, seen: Set<string>, rules: Rule[]): void {
    if (seen.has(text)) return void this.#errors.push(duplicate(at, text))
    seen.add(text)
    const expression = this.#expression(text, subject, at)
    if (expression === undefined) return
    if (expression.type === 'bool') rules.push({ expression, message })
    else this.#errors.push(invalidValue(at, text, 'must evaluate to bool'))
  }

  #expression(text: string, subject: Subject, at: string): Expression | undefined {
    const compiled = this.#compile(text, subject)
    if (!('problem' in compiled)) return compiled
    this.#errors.push(invalidValue(at, text, compiled.problem))
    return undefined
  }

  #mappings({ username = {}, groups = {}, uid = {}, extra = [] }: NonNullable<JwtDocument['claimMappings']>, at: string): void {
    const made = this.#made
    const nameExpression = this.#mapping(username, `${at}.username`, true)
    if (nameExpression !== undefined) made.username = nameExpression
    const groupsExpression = this.#mapping(groups, `${at}.groups`, false)
    if (groupsExpression !== undefined) made.groups = groupsExpression
    if ((uid.claim ?? '') !== '' && (uid.expression ?? '') !== '')
      this.#errors.push(invalidValue(`${at}.uid`, '', "claim and expression can't both be set"))
    else if (uid.expression !== undefined) {
      const expression = this.#expression(uid.expression, 'claims', `${at}.uid.expression`)
      if (expression !== undefined) made.uid = expression
    }
    this.#extra(extra, `${at}.extra`)
    const verified = (one: Expression | undefined) => one?.reads('email_verified') === true
    const isVerified =
      verified(made.username) ||
      made.extra.some(({ value }) => verified(value)) ||
      made.claimRules.some((rule) => verified(rule.expression))
    if (made.username?.reads('email') === true && !isVerified)
      this.#errors.push(
        invalidValue(
          `${at}.username.expression`,
          username.expression,
          'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression',
        ),
      )
  }

  /** The expression, where nothing is wrong with the mapping. */
  #mapping({ claim = '', prefix, expression = '' }: PrefixedClaimOrExpression, at: string, isNeeded: boolean): Expression | undefined {
    const errors = this.#errors
    if (expression !== '' && claim !== '') errors.push(invalidValue(at, '', "claim and expression can't both be set"))
    else if (expression !== '') {
      if (prefix !== undefined) errors.push(invalidValue(`${at}.prefix`, prefix, 'may not be specified when expression is set'))
      const compiled = this.#expression(expression, 'claims', `${at}.expression`)
      return prefix === undefined ? compiled : undefined
    } else if (claim !== '') {
      if (prefix === undefined)
        errors.push(required(`${at}.prefix`, 'prefix is required when claim is set. It can be set to an empty string to disable prefixing'))
    } else if (isNeeded) errors.push(required(at, 'claim or expression is required'))
    return undefined
  }

  #extra(mappings: readonly { key?: string; valueExpression?: string }[], at: string): void {
    const errors = this.#errors
    const keys = new Set<string>()
    for (const [index, { key = '', valueExpression = '' }] of mappings.entries()) {
      const here = `${at}[${index}]`
      errors.push(...domainPrefixedPathErrors(`${here}.key`, key))
      if (key !== key.toLowerCase()) errors.push(invalidValue(`${here}.key`, key, 'must be lowercase'))
      if (/^(?:[^/]*\.)?(?:kubernetes|k8s)\.io\//.test(key))
        errors.push(invalidValue(`${here}.key`, key, 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use'))
      if (keys.has(key)) errors.push(duplicate(`${here}.key`, key))
      else if (valueExpression === '') errors.push(required(`${here}.valueExpression`))
      else {
        const value = this.#expression(valueExpression, 'claims', `${here}.valueExpression`)
        if (value !== undefined) this.#made.extra.push({ key, value })
      }
      keys.add(key)
    }
  }
}

const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
const httpPath = new RegExp(`^${HTTP_PATH}$`)

/** @see apimachinery/pkg/util/validation/validation.go, IsDomainPrefixedPath */
function domainPrefixedPathErrors(at: string, text: string): FieldError[] {
  if (text === '') return [required(at)]
  const slash = text.indexOf('/')
  const [host, path] = [text.slice(0, slash), text.slice(slash + 1)]
  if (slash <= 0 || path === '') return [invalidValue(at, text, 'must be a domain-prefixed path (such as "acme.io/foo")')]
  const errors = dns1123SubdomainErrors(host).map((problem) => invalidValue(at, host, problem))
  if (!httpPath.test(path)) errors.push(invalidValue(at, path, regexText('Invalid path', HTTP_PATH)))
  return errors
}
