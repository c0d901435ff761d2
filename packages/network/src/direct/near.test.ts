import { expect, test } from 'vitest'
import { isNear, reaches } from './near.ts'

test.each([
  ['127.0.0.1', true],
  ['10.1.2.3', true],
  ['172.16.0.1', true],
  ['172.32.0.1', false],
  ['192.168.1.7', true],
  ['169.254.0.9', true],
  ['100.100.1.1', true],
  ['8.8.8.8', false],
  ['192.169.0.1', false],
  ['::1', true],
  ['fd00::1', true],
  ['fe80::1', true],
  ['2001:db8::1', false],
  ['::ffff:10.0.0.1', true],
  ['no address', false],
])('%s is near: %s', (address, expected) => {
  expect(isNear(address)).toBe(expected)
})

test.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '0.0.0.0', true],
  ['192.168.1.7', '0.0.0.0', true],
  ['192.168.1.7', '192.168.1.5', true],
  ['fd00::1', '::', true],
  ['::1', '::1', true],
  ['192.168.1.7', '127.0.0.1', false],
  ['127.0.0.1', '192.168.1.5', false],
  ['127.0.0.1', '::', false],
  ['::1', '0.0.0.0', false],
  ['fd00::1', '::1', false],
])('%s reaches what listens at %s: %s', (address, host, expected) => {
  expect(reaches(address, host)).toBe(expected)
})
