import { protocols } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { firstCredit } from './first-credit.ts'

/** A protocol that nobody has bounded would let a stranger have 64 MiB under way. */
test.each(Object.values(protocols))('%s bounds what its opener may send at first', (protocol) => {
  const { incomingBytes } = firstCredit(protocol, 'acceptor')
  expect(incomingBytes).toBeGreaterThanOrEqual(limits.firstCreditBytes)
  expect(incomingBytes).toBeLessThanOrEqual(16 * limits.firstCreditBytes)
  expect(firstCredit(protocol, 'opener').outgoingBytes).toBe(incomingBytes)
})
