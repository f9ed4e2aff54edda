/**
 * `issuedtokens`: the ledger as kubectl sees it. Deleting one revokes it.
 *
 * A revoked token is gone like any deleted object; a list whose field selector names `status.phase` still shows it until it would have
 * expired.
 *
 * @module
 */
import type { KubeObject } from '../../api/object.ts'
import { rfc3339 } from '../../clock.ts'
import type { LedgerEntry, TokenLedger } from '../../token/ledger.ts'
import type { ResourceDefinition } from '../resource.ts'
import { AGE_COLUMN, column, humanDuration, NAME_COLUMN, wideColumn } from '../table-cells.ts'
import { PODPASS_GROUP, PODPASS_VERSION, schemaName } from './schemas.ts'

export function issuedTokens(ledger: TokenLedger): ResourceDefinition {
  return {
    group: PODPASS_GROUP,
    version: PODPASS_VERSION,
    resource: 'issuedtokens',
    singular: 'issuedtoken',
    kind: 'IssuedToken',
    namespaced: true,
    verbs: ['delete', 'deletecollection', 'get', 'list'],
    schema: schemaName('IssuedToken'),
    strategy: { validateName: () => [] },
    collection: {
      get({ namespace, name }) {
        const entry = ledger.get(name)
        return entry === undefined || entry.namespace !== namespace || entry.revokedAtMs !== undefined ? undefined : issuedToken(entry)
      },
      list: (namespace, fieldSelector) => listed(entriesOf(ledger, fieldSelector), namespace, fieldSelector),
      listAfter: ({ name }, namespace, fieldSelector) =>
        ledger.get(name) === undefined ? undefined : listed(ledger.list(name), namespace, fieldSelector),
      async remove(object) {
        await ledger.revokeToken(object.metadata?.name ?? '')
      },
    },
    fields: {
      'spec.serviceAccountName': (object) => object['spec']?.serviceAccountName ?? '',
      'spec.boundObjectRef.kind': (object) => object['spec']?.boundObjectRef?.kind ?? '',
      'spec.boundObjectRef.name': (object) => object['spec']?.boundObjectRef?.name ?? '',
      'status.phase': (object) => object['status']?.phase ?? '',
    },
    table: {
      columns: () => [
        NAME_COLUMN,
        column('Account', 'The service account that the token is of.'),
        column('Bound To', 'The object that the token dies with, beside its account.'),
        column('Last Used', 'When the server last accepted the token, to the minute.'),
        column('Expires', 'How long the token is good for yet.'),
        AGE_COLUMN,
        wideColumn('Audiences', 'Whom the token is for.'),
        wideColumn('Requested By', 'Who asked for the token.'),
        wideColumn('Phase', 'Whether the token was revoked.'),
      ],
      cells: ({ metadata = {}, spec = {}, status = {} }: KubeObject, { nowMs }) => [
        metadata.name ?? '',
        spec.serviceAccountName ?? '',
        spec.boundObjectRef === undefined ? '<none>' : `${spec.boundObjectRef.kind}/${spec.boundObjectRef.name}`,
        status.lastUsedTime === undefined ? '<never>' : since(status.lastUsedTime, nowMs),
        humanDuration(Date.parse(spec.expirationTimestamp) - nowMs),
        since(metadata.creationTimestamp ?? '', nowMs),
        (spec.audiences ?? []).join(','),
        status.requestedBy ?? '',
        status.phase ?? '',
      ],
    },
  }
}

/** All, or the one that the selector names. */
function entriesOf(ledger: TokenLedger, fieldSelector: string): Iterable<LedgerEntry> {
  const name = /(?:^|,)metadata\.name==?([^,\\]+)(?:,|$)/.exec(fieldSelector)?.[1]
  if (name === undefined) return ledger.list()
  const entry = ledger.get(name)
  return entry === undefined ? [] : [entry]
}

function* listed(entries: Iterable<LedgerEntry>, namespace: string, fieldSelector: string): Iterable<KubeObject> {
  const withRevoked = fieldSelector.includes('status.phase')
  for (const entry of entries) {
    if (namespace !== '' && entry.namespace !== namespace) continue
    if (withRevoked || entry.revokedAtMs === undefined) yield issuedToken(entry)
  }
}

function issuedToken(entry: LedgerEntry): KubeObject {
  const { boundTo, firstUsedAtMs, lastUsedAtMs, revokedAtMs } = entry
  return {
    kind: 'IssuedToken',
    apiVersion: `${PODPASS_GROUP}/${PODPASS_VERSION}`,
    metadata: { name: entry.jti, namespace: entry.namespace, uid: entry.jti, creationTimestamp: rfc3339(entry.issuedAtMs) },
    spec: {
      serviceAccountName: entry.account,
      serviceAccountUID: entry.accountUid,
      audiences: [...entry.audiences],
      ...(boundTo !== undefined && { boundObjectRef: { kind: boundTo.kind, apiVersion: 'v1', name: boundTo.name, uid: boundTo.uid } }),
      expirationTimestamp: rfc3339(entry.expiresAtMs),
    },
    status: {
      phase: revokedAtMs === undefined ? 'Issued' : 'Revoked',
      requestedBy: entry.requestedBy,
      remoteAddress: entry.remoteAddress,
      userAgent: entry.userAgent,
      ...(firstUsedAtMs !== undefined && { firstUsedTime: rfc3339(firstUsedAtMs) }),
      ...(lastUsedAtMs !== undefined && { lastUsedTime: rfc3339(lastUsedAtMs) }),
      ...(revokedAtMs !== undefined && { revocationTimestamp: rfc3339(revokedAtMs) }),
    },
  }
}

function since(time: string, nowMs: number): string {
  return time === '' ? '<unknown>' : humanDuration(nowMs - Date.parse(time))
}
