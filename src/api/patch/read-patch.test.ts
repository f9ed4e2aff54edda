import { describe, expect, test } from 'vitest'
import { StatusError } from '../status.ts'
import { readApplied, readJsonPatch, readMergePatch, readStrategicMergePatch } from './read-patch.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof StatusError && error.code === 400) return error.message
    throw error
  }
  return ''
}

describe('readMergePatch()', () => {
  test('names duplicate members', () => {
    expect(readMergePatch(bytes('{"data":{"x":"1","x":"2"}}'), { validated: true })).toEqual({
      patch: { data: { x: '2' } },
      strictErrors: ['duplicate field "data.x"'],
    })
  })
  const refused: [text: string, validated: boolean, message: string][] = [
    ['not json', true, "error decoding patch: invalid character 'o' in literal null (expecting 'u')"],
    ['[1]', true, 'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}'],
    ['"x"', true, 'error decoding patch: json: cannot unmarshal string into Go value of type map[string]interface {}'],
    ['null', true, 'Invalid JSON Patch'],
    ['5', false, 'Invalid JSON Patch'],
  ]
  for (const [text, validated, message] of refused) {
    test(`refuses ${text}${validated ? '' : ' unvalidated'}`, () =>
      expect(refusal(() => readMergePatch(bytes(text), { validated }))).toBe(message))
  }
})

describe('readStrategicMergePatch()', () => {
  test('refuses a list', () => {
    expect(refusal(() => readStrategicMergePatch(bytes('[]')))).toBe(
      'json: cannot unmarshal array into Go value of type map[string]interface {}',
    )
  })
})

describe('readJsonPatch()', () => {
  test('names unknown and duplicate members of operations', () => {
    const text = '[{"op":"add","foo":1,"foo":2,"path":"/a","value":{"x":1,"x":2}},{"op":"remove","path":"/a","path":"/b"}]'
    expect(readJsonPatch(bytes(text), { validated: true }).strictErrors).toEqual([
      'json patch unknown field "[0].foo"',
      'json patch duplicate field "[0].value.x"',
      'json patch duplicate field "[1].path"',
    ])
    expect(readJsonPatch(bytes(text), { validated: false }).strictErrors).toEqual([])
  })
  const refused: [text: string, validated: boolean, message: string][] = [
    ['{"op":"add"}', true, 'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp'],
    ['{"op":"add"}', false, 'json: cannot unmarshal object into Go value of type jsonpatch.Patch'],
    ['["x"]', true, 'error decoding patch: json: cannot unmarshal string into Go value of type handlers.jsonPatchOp'],
    ['[{"path":5}]', true, 'error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.path of type string'],
  ]
  for (const [text, validated, message] of refused) {
    test(`refuses ${text}${validated ? '' : ' unvalidated'}`, () =>
      expect(refusal(() => readJsonPatch(bytes(text), { validated }))).toBe(message))
  }
})

test('an apply configuration is a map, or nothing', () => {
  expect(readApplied(Buffer.from('')).config).toEqual({})
  expect(() => readApplied(Buffer.from('- a'))).toThrow(
    'error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}',
  )
})
