import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { OwnAddresses } from './own-addresses.ts'

test('an address of the internet is confirmed when its listener starts, and a new interface when addresses are read', () => {
  const listened = [multiaddr('/ip4/203.0.113.5/tcp/4001')]
  const confirmed: string[] = []
  let started = (): void => undefined
  const own = new OwnAddresses()
  expect(own.of({ getMultiaddrs: () => [] })).toEqual([])
  own.service()({
    transportManager: { getAddrs: () => listened },
    addressManager: { confirmObservedAddr: (address) => void confirmed.push(address.toString()) },
    events: { addEventListener: (_type, listener) => void (started = listener) },
  })
  started()
  expect(confirmed).toEqual(['/ip4/203.0.113.5/tcp/4001'])
  listened.push(multiaddr('/ip6/2a05::1/tcp/4001'))
  own.of({ getMultiaddrs: () => listened })
  expect(confirmed).toContain('/ip6/2a05::1/tcp/4001')
})
