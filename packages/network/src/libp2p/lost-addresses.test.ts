import { expect, test } from 'vitest'
import { LostAddresses } from './lost-addresses.ts'

class Connection extends EventTarget {
  readonly socket: { readonly localAddress: string }
  aborted = false
  constructor(localAddress: string) {
    super()
    this.socket = { localAddress }
  }
  abort(): void {
    this.aborted = true
  }
}

test('connections of an address that the machine has lost are ended, once, and no others', () => {
  let present = ['192.168.1.2', 'fe80::1', '2a05::1', '127.0.0.1']
  const lost = new LostAddresses(() => present)
  const locals = ['192.168.1.2', '::ffff:192.168.1.2', 'fe80::1%eth0', '127.0.0.5', '2a05::1']
  const connections = locals.map((address) => new Connection(address))
  for (const connection of connections) lost.watch(connection)
  lost.watch({ stream: 'of a relay' })
  expect(lost.turn()).toBe(0)
  present = ['192.168.1.77', 'fe80::1', '127.0.0.1', '2a05::1']
  expect(lost.turn()).toBe(2)
  expect(connections.map(({ aborted }) => aborted)).toEqual([true, true, false, false, false])
  expect(lost.turn()).toBe(0)
})

test('an ended connection is forgotten', () => {
  const lost = new LostAddresses(() => [])
  const connection = new Connection('192.168.1.2')
  lost.watch(connection)
  connection.dispatchEvent(new Event('close'))
  expect(lost.turn()).toBe(0)
})
