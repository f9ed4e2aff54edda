import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compact, guardedWrite, range, watch } from './messages.ts'
import { booleanField, bytesField, FieldReader, message, numberField } from './protobuf.ts'

describe('protobuf', () => {
  test('what is written is read again, whatever lies between', () => {
    fc.assert(
      fc.property(fc.nat(Number.MAX_SAFE_INTEGER), fc.uint8Array(), fc.boolean(), (number, bytes, flag) => {
        const written = message(numberField(1, number), bytesField(2000, bytes), booleanField(3, flag), numberField(4, 7))
        const read: { number: number; bytes: Buffer; flag: boolean } = { number: 0, bytes: Buffer.alloc(0), flag: false }
        const reader = new FieldReader(written)
        while (reader.next()) {
          if (reader.field === 1) read.number = reader.number()
          else if (reader.field === 2000) read.bytes = reader.bytes()
          else if (reader.field === 3) read.flag = reader.boolean()
        }
        expect(read).toEqual({ number, bytes: Buffer.from(bytes), flag })
      }),
    )
  })

  test('a message that is cut short or makes no sense is refused, never read beyond', () => {
    const whole = range.encode({
      key: Buffer.from('/registry/pods/'),
      rangeEnd: Buffer.from('/registry/pods0'),
      limit: 500,
      revision: 2 ** 40,
    })
    for (let length = 1; length < whole.length; length++) {
      const reader = new FieldReader(whole.subarray(0, length))
      try {
        while (reader.next());
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
      }
    }
    expect(() => numberField(1, -1)).toThrow(RangeError)
    expect(() => {
      const reader = new FieldReader(Buffer.from([0x0f]))
      while (reader.next());
    }).toThrow(TypeError)
  })

  test.each([
    [
      'a range',
      range.encode({ key: Buffer.from('a'), rangeEnd: Buffer.from('b'), limit: 2, revision: 300, countOnly: true }),
      '0a0161120162180220ac024801',
    ],
    ['a compaction', compact.encode({ revision: 5 }), '0805'],
    ['a watch', watch.encode({ key: Buffer.from([0]), rangeEnd: Buffer.from([0]), startRevision: 3 }), '0a0a0a010012010018033001'],
    [
      'a creation: compare mod_revision with 0, put, else range',
      guardedWrite.encode({ key: Buffer.from('k'), value: Buffer.from('v'), expectedRevision: 0, lease: 9 }),
      '0a0710021a016b3000' + '120a1208' + '0a016b120176' + '1809' + '1a050a030a016b',
    ],
    [
      'a deletion: compare mod_revision, delete, else range',
      guardedWrite.encode({ key: Buffer.from('k'), value: undefined, expectedRevision: 7 }),
      '0a0710021a016b3007' + '12051a030a016b' + '1a050a030a016b',
    ],
  ])('%s has the bytes that etcd expects', (_, bytes, hex) => {
    expect(bytes.toString('hex')).toBe(hex)
  })
})
