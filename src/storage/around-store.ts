/**
 * A store with something around its calls: a measurement, a trace.
 *
 * @module
 */
import type { Store, WriteOutcome } from './store.ts'

export interface Around {
  write(operation: 'create' | 'update' | 'delete', key: string, ask: () => Promise<WriteOutcome>): Promise<WriteOutcome>
  /** `key` of a list is the prefix. */
  read<T>(operation: 'get' | 'list', key: string, ask: () => Promise<T>): Promise<T>
}

export function aroundStore(store: Store, { write, read }: Around): Store {
  return {
    create: (key, value, options) => write('create', key, () => store.create(key, value, options)),
    update: (key, value, revision, options) => write('update', key, () => store.update(key, value, revision, options)),
    delete: (key, revision) => write('delete', key, () => store.delete(key, revision)),
    get: (key) => read('get', key, () => store.get(key)),
    range: (prefix, options) => read('list', prefix, () => store.range(prefix, options)),
    get revision() {
      return store.revision
    },
    get alwaysFresh() {
      return store.alwaysFresh
    },
    get outOfTouchMs() {
      return store.outOfTouchMs
    },
    consistentRevision: () => store.consistentRevision(),
    listen: (afterRevision, listener, signal) => store.listen(afterRevision, listener, signal),
    compact: (revision) => store.compact(revision),
    sizeBytes: () => store.sizeBytes(),
    close: () => store.close(),
  }
}
