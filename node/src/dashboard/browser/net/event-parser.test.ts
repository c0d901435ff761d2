import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createEventParser } from './event-parser.ts'

const stream =
  'event: status\ndata: {"a":1}\n\n: nothing new\n\ndata: one\r\ndata: two\r\n\r\nid: 7\ndata:x\n\n'
const events = [
  { name: 'status', data: '{"a":1}' },
  { name: 'message', data: 'one\ntwo' },
  { name: 'message', data: 'x' },
]

test('events have names and data, and comments are none', () => {
  expect(createEventParser().push(stream)).toEqual(events)
})

test('it does not matter where the chunks of a stream end', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), stream.length]
      const parser = createEventParser()
      expect(at.slice(1).flatMap((end, index) => parser.push(stream.slice(at[index], end)))).toEqual(events)
    }),
  )
})

test('an event that has not ended is not told', () => {
  expect(createEventParser().push('data: half\n')).toEqual([])
})
