import { expect, test } from 'vitest'
import { fromHex, textBytes, toHex } from '../bytes.ts'
import {
  confirmationTag,
  generatorOf,
  joinWithLengths,
  secretPoint,
  sessionKey,
  shareOf,
  shareWith,
  type CPaceInputs,
} from './cpace.ts'

/** Test vectors of draft-irtf-cfrg-cpace, "Test vector for CPace using group ristretto255 and hash SHA-512". */
const vector = {
  inputs: {
    password: textBytes('Password'),
    channel: fromHex('0b415f696e69746961746f720b425f726573706f6e646572'),
    sessionId: fromHex('7e4b4791d6a8ef019b936c79fb7f2c57'),
  },
  generator: '222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56',
  a: {
    scalar: fromHex('da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08'),
    point: 'd6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157',
    data: textBytes('ADa'),
  },
  b: {
    scalar: fromHex('d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d'),
    point: '3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258',
    data: textBytes('ADb'),
  },
  secret: '80b69a8a76457ab6a4d7f887a4bf6b55a2f80ac19c333f917a05fc9887c8b40f',
  key: 'b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447',
}

test('generator, points, secret and key are those of the draft', () => {
  const { inputs, a, b } = vector
  expect(toHex(generatorOf(inputs))).toBe(vector.generator)
  const [initiator, responder] = [shareWith(inputs, a.scalar).point, shareWith(inputs, b.scalar).point]
  expect([toHex(initiator), toHex(responder)]).toEqual([a.point, b.point])
  expect(toHex(secretPoint(a.scalar, responder) ?? new Uint8Array(0))).toBe(vector.secret)
  expect(toHex(secretPoint(b.scalar, initiator) ?? new Uint8Array(0))).toBe(vector.secret)
  const transcript = { initiator, responder, initiatorData: a.data, responderData: b.data }
  for (const [scalar, other] of [
    [a.scalar, responder],
    [b.scalar, initiator],
  ] as const)
    expect(toHex(sessionKey(inputs.sessionId, scalar, other, transcript) ?? new Uint8Array(0))).toBe(
      vector.key,
    )
})

test('a scalar times a point is the point of the draft, and bad points end the run', () => {
  const scalar = fromHex('7cd0e075fa7955ba52c02759a6c90dbbfc10e6d40aea8d283e407d88cf538a05')
  const point = fromHex('2c3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c')
  expect(toHex(secretPoint(scalar, point) ?? new Uint8Array(0))).toBe(
    '7c13645fe790a468f62c39beb7388e541d8405d1ade69d1778c5fe3e7f6b600e',
  )
  const notCanonical = fromHex('2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c')
  for (const bad of [notCanonical, new Uint8Array(32), new Uint8Array(31), new Uint8Array(32).fill(255)])
    expect(secretPoint(scalar, bad)).toBeNull()
})

test('lengths are those of the draft', () => {
  const parts = ['1234', '5', '', '678'].map(textBytes)
  expect(toHex(joinWithLengths(...parts))).toBe('043132333401350003363738')
  const bytes = Uint8Array.from({ length: 128 }, (_, index) => index)
  expect(toHex(joinWithLengths(bytes)).slice(0, 8)).toBe('80010001')
})

/** A whole run; the sides may differ in what they believe. */
function run(initiator: CPaceInputs, responder: CPaceInputs) {
  const [a, b] = [
    shareOf(initiator, new Uint8Array(64).fill(3)),
    shareOf(responder, new Uint8Array(64).fill(5)),
  ]
  const transcript = { initiator: a.point, responder: b.point }
  const keys = [
    sessionKey(initiator.sessionId, a.scalar, b.point, transcript),
    sessionKey(responder.sessionId, b.scalar, a.point, transcript),
  ].map((key) => key ?? new Uint8Array(0))
  return keys.map((key, side) =>
    toHex(confirmationTag([initiator, responder][side]!.sessionId, key, a.point)),
  )
}

test('both sides confirm each other only when password, channel and session are the same', () => {
  const { inputs } = vector
  const [one, other] = run(inputs, inputs)
  expect(one).toBe(other)
  for (const change of [
    { password: textBytes('Passwort') },
    { channel: textBytes('another channel') },
    { sessionId: new Uint8Array(16) },
  ]) {
    const [mine, theirs] = run(inputs, { ...inputs, ...change })
    expect(mine).not.toBe(theirs)
  }
})
