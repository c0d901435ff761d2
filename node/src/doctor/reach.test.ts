import { expect, test } from 'vitest'
import { reachOf } from './reach.ts'

test.each([
  [[], 'this-machine'],
  [['127.0.0.1', '::1'], 'this-machine'],
  [['192.168.1.5'], 'lan'],
  [['10.1.2.3', 'fe80::1', 'fd00::2'], 'lan'],
  [['172.32.0.1'], 'anywhere'],
  [['100.100.1.1'], 'lan'],
  [['192.168.1.5', '2a01:4f8::1'], 'anywhere'],
  [['8.8.8.8'], 'anywhere'],
])('%j can be dialled from: %s', (addresses, reach) => {
  expect(reachOf(addresses)).toBe(reach)
})
