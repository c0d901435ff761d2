import { expect, test } from 'vitest'
import { peerVanished, wrongVersion } from './errors.ts'
import { dialFailure } from './libp2p/failures.ts'

test.each([
  [
    '/shoal/session/1',
    ['/shoal/session/2'],
    'bob speaks /shoal/session/2, this peer speaks /shoal/session/1: update this peer',
  ],
  [
    '/shoal/session/3',
    ['/shoal/session/1', '/shoal/session/2'],
    'bob speaks /shoal/session/2, this peer speaks /shoal/session/3: update bob',
  ],
  [
    '/shoal/session/1',
    ['/shoal/hello', '/ipfs/ping/1.0.0'],
    'bob does not speak /shoal/session/1; it speaks /shoal/hello',
  ],
  [
    '/shoal/session/1',
    ['/ipfs/ping/1.0.0'],
    'bob does not speak /shoal/session/1; it speaks no protocol of Shoal',
  ],
  ['/shoal/session/1', [], 'bob does not speak /shoal/session/1; it speaks no protocol of Shoal'],
  ['/shoal/hello', ['/shoal/session/1'], 'bob does not speak /shoal/hello; it speaks /shoal/session/1'],
])('%s against %j', (protocol, spoken, sentence) => {
  expect(wrongVersion('bob', protocol, spoken)).toMatchObject({
    code: 'wrong-version',
    definite: true,
    message: sentence,
  })
})

test('a lost peer is indefinite, and keeps its cause', () => {
  const cause = new Error('reset')
  expect(peerVanished('bob', 'hung up', cause)).toMatchObject({
    code: 'peer-vanished',
    definite: false,
    message: 'bob hung up: reset',
    cause,
  })
  expect(peerVanished('bob', 'hung up').message).toBe('bob hung up')
})

test.each([
  ['connect ECONNREFUSED 127.0.0.1:4001', 'nothing listens there (ECONNREFUSED)'],
  [
    'connection error 127.0.0.1:4001: connect ECONNREFUSED 127.0.0.1:4001',
    'nothing listens there (ECONNREFUSED)',
  ],
  ['connect EHOSTUNREACH 127.0.0.1:4001 - Local (10.0.0.2:1)', 'no way leads to that machine (EHOSTUNREACH)'],
  ['Missing newline', 'what answers there is no Shoal peer (Missing newline)'],
  ['something else', 'something else'],
])('a dial that fails with "%s" names the address once', (sentence, words) => {
  const address = '/ip4/127.0.0.1/tcp/4001'
  const failure = dialFailure(
    new Error(sentence),
    'bob',
    [`${address}/p2p/bob`],
    new AbortController().signal,
  )
  expect(failure.message).toMatch(`bob cannot be reached at ${address}: ${words}`)
})
