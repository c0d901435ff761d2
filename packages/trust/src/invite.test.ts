import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressOf, placeOf } from './address.ts'
import { addInvite, inviteState, revokeInvite, useInvite, type Invite } from './invite-book.ts'
import { decodeInvite, encodeInvite, isInviteCode } from './invite.ts'
import { limits } from './limits.ts'

const swarm = new Uint8Array(16).fill(1)
const key = new Uint8Array(16).fill(2)
const four = '/ip4/192.168.1.5/tcp/4001'
const six = '/ip6/fd00:0:0:0:0:0:0:1/tcp/4001'
const invite = { role: 'node', expires: 1_800_000_000, swarm, key } as const

test('the code of an invite never changes: 83 characters with one IPv4 address', () => {
  const code = encodeInvite({
    ...invite,
    addresses: [`${four}/p2p/12D3KooWGRUfJL6mxCi5kC6HDA6vgtx7qAoA5rCBpMw5HdrLZ6m1`],
  })
  expect(code).toMatchInlineSnapshot(
    `"shoal1zygxkjwjqqqszqgpqyqszqgpqyqszqgpqyqsyqszqgpqyqszqgpqyqszqgpq9s9gqyzslgguykj6y"`,
  )
  expect(code.length).toBe(83)
  expect(encodeInvite({ ...invite, addresses: [six] }).length).toBe(102)
})

test.each([
  ['as it is', (code: string) => code],
  ['in capitals, as a QR code has it', (code: string) => code.toUpperCase()],
  ['with spaces around it', (code: string) => ` ${code}\n`],
  ['as a link', (code: string) => `shoal://join/${code}`],
])('a code is read %s', (_name, form) => {
  const code = form(encodeInvite({ ...invite, addresses: [six, four, '/dns4/example.org/tcp/1'] }))
  expect(isInviteCode(code)).toBe(true)
  expect(decodeInvite(code)).toEqual({ ...invite, addresses: [four, six] })
})

test('a code with one changed character is refused', () => {
  const code = encodeInvite({ ...invite, addresses: [four] })
  const letters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
  fc.assert(
    fc.property(fc.integer({ min: 6, max: code.length - 1 }), fc.nat(31), (at, letter) => {
      fc.pre(code[at] !== letters[letter])
      const changed = code.slice(0, at) + letters[letter] + code.slice(at + 1)
      expect(() => decodeInvite(changed)).toThrow('copy the whole code')
    }),
    { numRuns: 300 },
  )
  for (const text of ['shoal1', code.slice(0, -1), `${code}q`, 'shoal1'.padEnd(300, 'q')])
    expect(() => decodeInvite(text)).toThrow('copy the whole code')
})

test('an invite needs an address that a code can hold', () => {
  expect(() => encodeInvite({ ...invite, addresses: ['/dns4/example.org/tcp/1'] })).toThrow(
    'needs an IP address',
  )
})

test.each([
  ['/ip4/1.2.3.4/tcp/5', '/ip4/1.2.3.4/tcp/5'],
  ['/ip6/::1/tcp/5', '/ip6/0:0:0:0:0:0:0:1/tcp/5'],
  ['/ip6/fe80::1:2/tcp/65535', '/ip6/fe80:0:0:0:0:0:1:2/tcp/65535'],
  ['/ip6/::/tcp/5', '/ip6/0:0:0:0:0:0:0:0/tcp/5'],
])('%s is written as %s', (address, written) => {
  const place = placeOf(address)
  expect(place === null ? null : addressOf(place)).toBe(written)
})

test.each([
  '/ip4/1.2.3/tcp/5',
  '/ip4/1.2.3.256/tcp/5',
  '/ip4/1.2.3.4/udp/5',
  '/ip4/1.2.3.4/tcp/0',
  '/ip4/1.2.3.4/tcp/70000',
  '/ip6/1::2::3/tcp/5',
  '/ip6/1:2:3/tcp/5',
  '/ip6/12345::/tcp/5',
  '/ip4/1.2.3.4/tcp/5/p2p/a/p2p-circuit',
])('%s cannot be written', (address) => {
  expect(placeOf(address)).toBeNull()
})

const wish = { role: 'node', uses: 1, seconds: 3600 } as const
const made = (): Invite => addInvite([], key, wish, 1000).invite

test('an invite admits one peer; a second one is refused and remembered, the first may come again', () => {
  const first = useInvite(made(), 'alice', 1001)
  expect(first).toMatchObject({ refusal: null, invite: { used: [{ peer: 'alice', at: 1001 }] } })
  const second = useInvite(first.invite, 'mallory', 1002)
  expect(second).toMatchObject({ refusal: 'spent', invite: { refused: [{ peer: 'mallory', at: 1002 }] } })
  expect(useInvite(second.invite, 'alice', 1003)).toEqual({ refusal: null, invite: second.invite })
  expect(useInvite(second.invite, 'mallory', 1004).invite.refused.length).toBe(1)
})

test('an invite ends by its term, by its uses and by its issuer', () => {
  expect(inviteState(made(), 4600)).toBe('open')
  expect(inviteState(made(), 4601)).toBe('expired')
  expect(useInvite(made(), 'alice', 4601).refusal).toBe('expired')
  const revoked = revokeInvite(useInvite(made(), 'alice', 1001).invite, 1002)
  expect(useInvite(revoked, 'alice', 1003).refusal).toBe('revoked')
  const twice = addInvite([], key, { ...wish, uses: 2 }, 1000).invite
  const once = useInvite(twice, 'alice', 1001).invite
  expect(inviteState(once, 1001)).toBe('open')
  expect(inviteState(useInvite(once, 'bob', 1002).invite, 1002)).toBe('spent')
})

test('attempts, open invites and remembered invites have limits', () => {
  let invite = useInvite(made(), 'alice', 1001).invite
  for (let index = 0; index < 100; index += 1) invite = useInvite(invite, `peer-${index}`, 1002).invite
  expect(invite.refused.length).toBe(limits.maxInviteAttempts)
  let book: readonly Invite[] = []
  for (let index = 0; index < limits.maxOpenInvites; index += 1)
    ({ book } = addInvite(book, Uint8Array.of(index), wish, 1000))
  expect(() => addInvite(book, key, wish, 1000)).toThrow('invites are open')
  for (let index = 0; index < limits.maxKnownInvites + 5; index += 1)
    ({ book } = addInvite(book, Uint8Array.of(index >> 8, index), wish, 10_000 * (index + 1)))
  expect(book.length).toBe(limits.maxKnownInvites)
  for (const wrong of [{ uses: 0 }, { uses: 1001 }, { seconds: 0 }, { seconds: 366 * 86_400 }])
    expect(() => addInvite([], key, { ...wish, ...wrong }, 1000)).toThrow('admits 1 to 1000')
})
