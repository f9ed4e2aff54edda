/**
 * Event, in core and in events.k8s.io: one stored object, and stricter rules for who writes through the newer group.
 *
 * @see pkg/registry/core/event/strategy.go
 * @see pkg/apis/core/validation/events.go
 * @module
 */

import { type FieldError, invalidValue, required } from '../../api/field.ts'
import { dns1123SubdomainErrors, subdomainName } from '../../api/names.ts'
import type { KubeObject } from '../../api/object.ts'
import type { Event as CoreEvent } from '../../api/types/core/v1.ts'
import type { Event } from '../../api/types/events/v1.ts'
import { goStruct } from '../go-struct.ts'
import { ALL_VERBS, define, type Strategy, type TableDefinition } from '../resource.ts'
import { ageOf, column, NAME_COLUMN, nameCell, wideColumn } from '../table-cells.ts'
import { byteLength, each, semanticEqual, validateImmutable, validateQualifiedName } from '../validation.ts'
import { eventFromCore, eventToCore } from './conversion.ts'

const MAX_INSTANCE = 128
const MAX_ACTION = 128
const MAX_REASON = 128
const MAX_NOTE = 1024

const REFERENCE = {
  Kind: 'kind',
  Namespace: 'namespace',
  Name: 'name',
  UID: 'uid',
  APIVersion: 'apiVersion',
  ResourceVersion: 'resourceVersion',
  FieldPath: 'fieldPath',
}

const REFERENCE_FIELDS = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const

const shared: Pick<Strategy, 'allowUnconditionalUpdate' | 'allowCreateOnUpdate' | 'defaultPropagation' | 'ttlSeconds'> = {
  allowUnconditionalUpdate: true,
  allowCreateOnUpdate: true,
  defaultPropagation: 'none',
  ttlSeconds: (_, { features }) => features.eventTTLSeconds,
}

export const coreEvents = define<CoreEvent>({
  group: '',
  version: 'v1',
  resource: 'events',
  singular: 'event',
  kind: 'Event',
  namespaced: true,
  shortNames: ['ev'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.Event',
  storage: { prefix: '/registry/events/' },
  strategy: {
    ...shared,
    // Names are checked no further than the path requires.
    validateName: () => [],
    validate: (event) => validateLegacy(event, 'reportingComponent'),
    validateUpdate: (event) => validateLegacy(event, 'reportingComponent'),
  },
  fields: {
    ...Object.fromEntries(
      REFERENCE_FIELDS.map((name) => [`involvedObject.${name}`, (event: CoreEvent) => event.involvedObject?.[name] ?? '']),
    ),
    reason: (event) => event.reason ?? '',
    reportingComponent: (event) => event.reportingComponent ?? '',
    source: (event) => event.source?.component || event.reportingComponent || '',
    type: (event) => event.type ?? '',
  },
  table: eventTable((event) => event),
})

export const events = define<Event>({
  group: 'events.k8s.io',
  version: 'v1',
  resource: 'events',
  singular: 'event',
  kind: 'Event',
  namespaced: true,
  shortNames: ['ev'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.events.v1.Event',
  storage: { prefix: '/registry/events/', as: { group: '', version: 'v1', kind: 'Event', schema: 'io.k8s.api.core.v1.Event' } },
  convert: { fromStored: eventFromCore, toStored: eventToCore },
  strategy: {
    ...shared,
    validateName: subdomainName,
    validate: (event) => validateNew(eventToCore(event)),
    validateUpdate: (event, old) => validateChange(eventToCore(event), eventToCore(old)),
  },
  fields: {
    ...Object.fromEntries(REFERENCE_FIELDS.map((name) => [`regarding.${name}`, (event: Event) => event.regarding?.[name] ?? ''])),
    reason: (event) => event.reason ?? '',
    reportingController: (event) => event.reportingController ?? '',
    type: (event) => event.type ?? '',
  },
  table: eventTable(eventToCore),
})

/** What every event has had to fulfil since before events.k8s.io. */
function validateLegacy(event: CoreEvent, controllerField: string): FieldError[] {
  const errors: FieldError[] = []
  const namespace = event.metadata?.namespace ?? ''
  const involved = event.involvedObject?.namespace ?? ''
  const mismatch = () => errors.push(invalidValue('involvedObject.namespace', involved, 'does not match event.namespace'))
  if (!event.eventTime) {
    if (involved === '' ? namespace !== '' && namespace !== 'default' : namespace !== involved) mismatch()
  } else {
    if (involved === '' && namespace !== 'default' && namespace !== 'kube-system') mismatch()
    const controller = event.reportingComponent ?? ''
    if (controller === '') errors.push(required(controllerField))
    errors.push(...validateQualifiedName(controller, controllerField))
    errors.push(...limitedText('reportingInstance', event.reportingInstance ?? '', MAX_INSTANCE))
    errors.push(...limitedText('action', event.action ?? '', MAX_ACTION))
    errors.push(...limitedText('reason', event.reason ?? '', MAX_REASON))
    if (byteLength(event.message ?? '') > MAX_NOTE) errors.push(invalidValue('message', '', `can have at most ${MAX_NOTE} characters`))
  }
  errors.push(...each('namespace', namespace, dns1123SubdomainErrors(namespace)))
  return errors
}

function limitedText(field: string, text: string, limit: number): FieldError[] {
  if (text === '') return [required(field)]
  return byteLength(text) > limit ? [invalidValue(field, '', `can have at most ${limit} characters`)] : []
}

function validateNew(event: CoreEvent): FieldError[] {
  const errors = [...validateLegacy(event, 'reportingController'), ...validateSeries(event)]
  const type = event.type ?? ''
  const unset = (field: string, set: boolean) => {
    if (set) errors.push(invalidValue(field, '', 'needs to be unset'))
  }
  if (!event.eventTime) errors.push(required('eventTime'))
  if (type !== 'Normal' && type !== 'Warning') errors.push(invalidValue('type', '', `has invalid value: ${type}`))
  unset('firstTimestamp', Boolean(event.firstTimestamp))
  unset('lastTimestamp', Boolean(event.lastTimestamp))
  unset('count', Boolean(event.count))
  unset('source', Boolean(event.source?.component) || Boolean(event.source?.host))
  return errors
}

function validateSeries({ series }: CoreEvent): FieldError[] {
  if (series === undefined) return []
  const errors: FieldError[] = []
  if ((series.count ?? 0) < 2) errors.push(invalidValue('series.count', '', 'should be at least 2'))
  if (!series.lastObservedTime) errors.push(required('series.lastObservedTime'))
  return errors
}

function validateChange(event: CoreEvent, old: CoreEvent): FieldError[] {
  const errors = validateLegacy(event, 'reportingController')
  if (!semanticEqual(event.series, old.series)) errors.push(...validateSeries(event))
  const immutable = (field: string, value: unknown, before: unknown) => errors.push(...validateImmutable(value, before, field))
  const reference = (value: object | undefined) => goStruct(REFERENCE, { ...value })
  const source = (value: object | undefined) => goStruct({ Component: 'component', Host: 'host' }, { ...value })
  immutable('involvedObject', reference(event.involvedObject), reference(old.involvedObject))
  immutable('reason', event.reason ?? '', old.reason ?? '')
  immutable('message', event.message ?? '', old.message ?? '')
  immutable('source', source(event.source), source(old.source))
  immutable('firstTimestamp', event.firstTimestamp ?? null, old.firstTimestamp ?? null)
  immutable('lastTimestamp', event.lastTimestamp ?? null, old.lastTimestamp ?? null)
  immutable('count', event.count ?? 0, old.count ?? 0)
  immutable('reason', event.reason ?? '', old.reason ?? '')
  immutable('type', event.type ?? '', old.type ?? '')
  immutable('eventTime', event.eventTime ?? null, old.eventTime ?? null)
  immutable('action', event.action ?? '', old.action ?? '')
  immutable('related', event.related && reference(event.related), old.related && reference(old.related))
  immutable('reportingController', event.reportingComponent ?? '', old.reportingComponent ?? '')
  immutable('reportingInstance', event.reportingInstance ?? '', old.reportingInstance ?? '')
  return errors
}

function eventTable<T extends KubeObject>(toCore: (event: T) => CoreEvent): TableDefinition<T> {
  const doc = (path: string) => `doc:io.k8s.api.core.v1.${path}`
  return {
    columns: () => [
      column('Last Seen', doc('Event.lastTimestamp')),
      column('Type', doc('Event.type')),
      column('Reason', doc('Event.reason')),
      column('Object', doc('Event.involvedObject')),
      wideColumn('Subobject', doc('ObjectReference.fieldPath')),
      wideColumn('Source', doc('Event.source')),
      column('Message', doc('Event.message')),
      wideColumn('First Seen', doc('Event.firstTimestamp')),
      wideColumn('Count', doc('Event.count')),
      { ...NAME_COLUMN, priority: 1 },
    ],
    cells(object, { nowMs }) {
      const event = toCore(object)
      const first = ageOf(event.firstTimestamp || event.eventTime, nowMs)
      const last =
        event.series === undefined
          ? event.lastTimestamp
            ? ageOf(event.lastTimestamp, nowMs)
            : first
          : ageOf(event.series.lastObservedTime, nowMs)
      const count = event.series === undefined ? event.count || 1 : (event.series.count ?? 0)
      const { kind = '', name = '', fieldPath = '' } = event.involvedObject ?? {}
      const component = event.source?.component || event.reportingComponent || ''
      const instance = event.source?.host || event.reportingInstance || ''
      return [
        last,
        event.type ?? '',
        event.reason ?? '',
        name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`,
        fieldPath,
        instance === '' ? component : `${component}, ${instance}`,
        (event.message ?? '').trim(),
        first,
        count,
        nameCell(event),
      ]
    },
  }
}
