import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeAdmit, decodeAnswer, encodeAdmit, encodeRefused, encodeWelcome } from './admit.ts'
import { toHex } from './bytes.ts'
import { inviteDoor, swarmDoor } from './door.ts'
import { limits } from './limits.ts'
import { refusalCodes } from './refusal.ts'

const swarm = new Uint8Array(16).fill(1)
const grant = new Uint8Array(176).fill(2)
const secret = new Uint8Array(16).fill(3)

test('the bytes of the frames never change', () => {
  expect(toHex(encodeAdmit({ swarm, wants: 'node', chain: [Uint8Array.of(9)] }))).toBe(
    '84015001010101010101010101010101010101646e6f6465814109',
  )
  const gift = { chain: [Uint8Array.of(8)], secrets: [{ secret, until: null }] }
  expect(toHex(encodeWelcome({ swarm, chain: [Uint8Array.of(9)], gift }))).toBe(
    '84025001010101010101010101010101010101814109828141088182500303030303030303030303030303030300',
  )
  expect(toHex(encodeRefused('spent'))).toBe('8203657370656e74')
})

test('the largest frames fit the limit and are read back', () => {
  const chain = Array.from({ length: limits.maxChain }, () => grant)
  const secrets = [
    { secret, until: null },
    { secret, until: 1_800_000_000 },
  ]
  const welcome = encodeWelcome({ swarm, chain, gift: { chain, secrets } })
  expect(welcome.length).toBeLessThan(limits.maxFrameBytes)
  expect(decodeAnswer(welcome)).toEqual({ type: 'welcome', swarm, chain, gift: { chain, secrets } })
  const admit = encodeAdmit({ swarm, wants: 'client', chain })
  expect(decodeAdmit(admit)).toEqual({ type: 'admit', swarm, wants: 'client', chain })
  for (const code of refusalCodes)
    expect(decodeAnswer(encodeRefused(code))).toEqual({ type: 'refused', code })
})

test('any other bytes are refused with bad-frame', () => {
  const valid = encodeAdmit({ swarm, wants: 'node', chain: [grant] })
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(fc.nat(valid.length - 1), fc.nat(255)).map(([at, byte]) => {
      const changed = valid.slice(0, at + 1)
      changed[at] = byte
      return changed
    }),
    fc.constant(new Uint8Array(limits.maxFrameBytes + 1)),
  )
  fc.assert(
    fc.property(bytes, (frame) => {
      for (const decode of [decodeAdmit, decodeAnswer]) {
        try {
          decode(frame)
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-frame' })
        }
      }
    }),
    { numRuns: 2000 },
  )
})

test('doors differ by secret and by kind, and never change', () => {
  const door = swarmDoor(secret)
  expect({ tag: door.tag, prologue: toHex(door.prologue) }).toMatchInlineSnapshot(`
    {
      "prologue": "23a9e536cbd4635d9665da605fc7b0064fd48aee8f17141fa8624e4c6f434741",
      "tag": "3ff5d5d040429874",
    }
  `)
  expect(new Set([door.tag, inviteDoor(secret).tag, swarmDoor(swarm).tag]).size).toBe(3)
})
