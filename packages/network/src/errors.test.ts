import { expect, test } from 'vitest'
import { peerVanished, wrongVersion } from './errors.ts'

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
