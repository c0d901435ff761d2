import { expect, test } from 'vitest'
import { callerOf, tellsCallersApart } from './callers.ts'

test.each([
  ['10.0.0.1', 'address 10.0.0.1'],
  ['::ffff:10.0.0.1', 'address 10.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', 'address 2001:db8:1:2'],
  ['2001:db8:1:2::1', 'address 2001:db8:1:2'],
  ['2001:db8::1', 'address 2001:db8:0:0'],
  ['::1', 'address 0:0:0:0'],
  [undefined, 'address '],
])('a caller without a key at %s is %j: an IPv6 network is one caller', (address, caller) => {
  expect(callerOf(null, address)).toBe(caller)
})

test('a caller with a key is named by the number of the key, whatever its address', () => {
  expect([callerOf(0, '10.0.0.1'), callerOf(1, '10.0.0.1')]).toEqual(['key 0', 'key 1'])
})

test.each([
  [[], true, false],
  [[], false, true],
  [['one'], false, false],
  [['one', 'two'], true, true],
])('with keys %j and loopback %s, callers can be told apart: %s', (keys, loopback, apart) => {
  expect(tellsCallersApart({ keys: keys.map((key) => ({ key })), loopback })).toBe(apart)
})
