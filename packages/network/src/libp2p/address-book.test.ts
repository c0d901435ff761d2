import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { createAddressBook, ipOf, parseAddress, peerIn } from './address-book.ts'

const bob = '12D3KooWGRUfJL6mxCi5kC6HDA6vgtx7qAoA5rCBpMw5HdrLZ6m1'
const carol = '12D3KooWQPBGJMR194qx5KmQxoLkkg5Lbvrm9m6hhoyxmtdN56mz'

test('finds what can be dialled: names the peer where the address does not, leaves out the rest', () => {
  const book = createAddressBook()
  book.learn(bob, [
    '/ip4/10.0.0.1/tcp/1',
    `/ip4/10.0.0.2/tcp/1/p2p/${bob}`,
    `/ip4/10.0.0.3/tcp/1/p2p/${carol}`,
    'nonsense',
    '',
    `/dns4/${'a'.repeat(600)}/tcp/1`,
  ])
  expect(book.find(bob).map(String)).toEqual([
    `/ip4/10.0.0.1/tcp/1/p2p/${bob}`,
    `/ip4/10.0.0.2/tcp/1/p2p/${bob}`,
  ])
  expect(book.find(carol)).toEqual([])
})

test('what is learned last counts, and there is a limit for each peer and for all', () => {
  const book = createAddressBook()
  book.learn(bob, ['/ip4/10.0.0.1/tcp/1'])
  book.learn(
    bob,
    Array.from({ length: 40 }, (_, index) => `/ip4/10.0.1.${index}/tcp/1`),
  )
  expect(book.find(bob).length).toBe(limits.maxAddresses)
  for (let index = 0; index < limits.learnedPeers; index += 1)
    book.learn(`peer-${index}`, ['/ip4/10.0.0.1/tcp/1'])
  expect(book.knows(bob)).toBe(false)
  expect(book.knows('peer-0')).toBe(true)
})

test.each([
  ['/ip4/10.0.0.1/tcp/1', '10.0.0.1'],
  ['/ip6/fd00::1/tcp/1', 'fd00::1'],
  ['/ip6/::ffff:10.1.2.3/tcp/1', '10.1.2.3'],
  ['/dns4/example.org/tcp/1', undefined],
  [`/ip4/10.0.0.1/tcp/1/p2p/${bob}/p2p-circuit`, undefined],
])('the IP address in %s is %s', (text, expected) => {
  expect(ipOf(parseAddress(text)!)).toBe(expected)
})

test.each(['nonsense', 'a/b', '', '../x', '%', '\ud800', '__proto__'])(
  'a peer id that cannot be, such as "%s", has no address and no error',
  (peerId) => {
    const book = createAddressBook()
    book.learn(peerId, ['/ip4/10.0.0.1/tcp/1', `/ip4/10.0.0.1/tcp/1/p2p/${peerId}`])
    expect(book.find(peerId)).toEqual([])
  },
)

test('any texts are addresses or none; one that was parsed can be written, and dialled', () => {
  const part = fc.oneof(
    fc.constantFrom(
      'ip4',
      'ip6',
      'tcp',
      'p2p',
      'dns4',
      'certhash',
      'ip6zone',
      'unix',
      'http-path',
      'p2p-circuit',
    ),
    fc.constantFrom('1.2.3.4', '::1', '1', '99999', bob, 'nonsense', '%zz', '', 'uEiAA'),
    fc.string({ maxLength: 8 }),
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), part, (parts, peerId) => {
      const text = `/${parts.join('/')}`
      const address = parseAddress(text)
      if (address !== undefined) {
        expect(address.bytes.byteLength).toBeGreaterThan(0)
        peerIn(address)
        ipOf(address)
      }
      const book = createAddressBook()
      book.learn(peerId, [text])
      for (const found of book.find(peerId)) expect(found.toString().endsWith(`/p2p/${peerId}`)).toBe(true)
    }),
    { numRuns: 2000 },
  )
})
