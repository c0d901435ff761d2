import { seededRandom } from '@shoal/host'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import {
  decodeBegin,
  decodeOffer,
  decodePairingWelcome,
  decodeProof,
  encodeBegin,
  encodeOffer,
  encodePairingRefused,
  encodePairingWelcome,
  encodeProof,
} from './frames.ts'
import { MemberPairing, NewcomerPairing, type PairingEnds } from './pairing.ts'
import { drawPin, pinLink, readPin } from './pin.ts'

const ends: PairingEnds = { member: 'alice', newcomer: 'bob' }

interface Believed {
  readonly pin: string
  readonly ends: PairingEnds
}

/** One run over the bytes of its frames. @returns whether the member is convinced, and whether the newcomer is */
function pair(member: Believed, newcomer: Believed): readonly [boolean, boolean] {
  const random = seededRandom(7)
  const begin = decodeBegin(encodeBegin({ nonce: random.bytes(limits.nonceBytes), wants: 'node' }))
  const alice = new MemberPairing({ ...member, random }, begin)
  const offer = decodeOffer(encodeOffer(alice.offer))
  if (offer.type === 'refused') throw new Error('no member refuses here')
  const bob = new NewcomerPairing({ ...newcomer, random }, begin, offer)
  if (bob.proof === null) return [false, false]
  const tag = alice.check(decodeProof(encodeProof(bob.proof)))
  return [tag !== null, tag !== null && bob.confirms(tag)]
}

test('two sides with one PIN and one channel convince each other', () => {
  expect(pair({ pin: '482913', ends }, { pin: '482913', ends })).toEqual([true, true])
})

test('a wrong PIN convinces nobody', () => {
  expect(pair({ pin: '482913', ends }, { pin: '482914', ends })).toEqual([false, false])
})

test('a party in the middle, which has another id on one side, convinces nobody although both sides know the PIN', () => {
  const [pin, middle] = ['482913', 'mallory']
  expect(
    pair({ pin, ends: { ...ends, newcomer: middle } }, { pin, ends: { ...ends, member: middle } }),
  ).toEqual([false, false])
})

test('a member that does not know the PIN cannot convince a newcomer', () => {
  const random = seededRandom(7)
  const begin = { nonce: random.bytes(limits.nonceBytes), wants: 'node' } as const
  const rogue = new MemberPairing({ pin: '000000', ends, random }, begin)
  const bob = new NewcomerPairing({ pin: '482913', ends, random }, begin, {
    type: 'offer',
    ...rogue.offer,
  })
  expect(bob.proof).not.toBeNull()
  for (const tag of [new Uint8Array(64), bob.proof?.tag ?? new Uint8Array(0), new Uint8Array(0)])
    expect(bob.confirms(tag)).toBe(false)
})

test('a point that ends the run convinces nobody, on either side', () => {
  const random = seededRandom(7)
  const begin = { nonce: random.bytes(limits.nonceBytes), wants: 'node' } as const
  const side = { pin: '482913', ends, random }
  const zero = new Uint8Array(32)
  const bob = new NewcomerPairing(side, begin, { type: 'offer', nonce: begin.nonce, point: zero })
  expect([bob.proof, bob.confirms(new Uint8Array(0))]).toEqual([null, false])
  expect(new MemberPairing(side, begin).check({ point: zero, tag: new Uint8Array(64) })).toBeNull()
})

test('the frames of a pairing keep what they are given', () => {
  const welcome = {
    tag: new Uint8Array(64).fill(1),
    swarm: new Uint8Array(16).fill(2),
    gift: { chain: [new Uint8Array(176)], secrets: [{ secret: new Uint8Array(16), until: null }] },
    addresses: ['/ip4/10.0.0.1/tcp/4001'],
  }
  expect(decodePairingWelcome(encodePairingWelcome(welcome))).toEqual({ type: 'welcome', ...welcome })
  expect(decodePairingWelcome(encodePairingRefused('wrong-pin'))).toEqual({
    type: 'refused',
    code: 'wrong-pin',
  })
  expect(decodeOffer(encodePairingRefused('full'))).toEqual({ type: 'refused', code: 'full' })
})

test('any other bytes are a bad frame', () => {
  const readers = [decodeBegin, decodeOffer, decodeProof, decodePairingWelcome]
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...readers), (bytes, read) => {
      expect(() => read(bytes)).toThrow(expect.objectContaining({ code: 'bad-frame' }))
    }),
    { numRuns: 300 },
  )
})

test('a PIN is six digits, also with a gap and in a link', () => {
  expect(['482913', '482 913', '482-913', pinLink('482913')].map(readPin)).toEqual(Array(4).fill('482913'))
  expect(['48291', '4829130', 'shoal1q', '/ip4/1', '482a13'].map(readPin)).toEqual(Array(5).fill(null))
  const random = seededRandom(1)
  expect(Array.from({ length: 3 }, () => drawPin(random)).every((pin) => readPin(pin) === pin)).toBe(true)
})
