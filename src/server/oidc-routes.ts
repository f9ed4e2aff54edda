/**
 * Issuer discovery on the wire.
 *
 * @module
 */
import { header } from './exchange.ts'
import { CONFIGURATION_PATH, JWKS_PATH, type OidcState, oidcAnswer, oidcDiscovery } from './oidc.ts'
import type { ServerLog } from './options.ts'
import type { ExtraRoute } from './routes.ts'

/** Nothing is served when the issuer is no URL that relying parties could use. */
export function oidcRoutes(state: OidcState, log: ServerLog): ExtraRoute[] {
  let documents: ReturnType<typeof oidcDiscovery>
  try {
    documents = oidcDiscovery(state)
  } catch (err) {
    log.warn({ err, issuer: state.issuer }, 'issuer discovery is off')
    return []
  }
  const handle: ExtraRoute['handle'] = (request) => {
    const { method } = request.exchange
    const accept = header(request.exchange, 'accept')
    const document = oidcAnswer(documents(), { method, path: request.path, accept: accept === '' ? undefined : accept })
    if (document === undefined) throw new TypeError(`${request.path} is no discovery path`)
    request.respond(
      200,
      [
        ['Content-Type', document.contentType],
        ['Cache-Control', document.cacheControl],
      ],
      document.body,
    )
  }
  return [CONFIGURATION_PATH, JWKS_PATH].flatMap((path) => [
    { path, handle },
    { path: `${path}/`, handle },
  ])
}
