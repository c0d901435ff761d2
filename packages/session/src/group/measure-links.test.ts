import { createVirtualClock, seededRandom, sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { createMemoryNetwork } from '@shoal/network'
import { expect, test } from 'vitest'
import { measureLinks } from './measure-links.ts'

test('a member that does not answer is named by its rank: another one can take its place', async () => {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random: seededRandom(1) })
  const [leader, there, gone] = ['leader', 'there', 'gone'].map((peer) => network.createTransport(peer))
  const members = [there!, gone!].map((transport) => ({ peer: transport.peerId, addresses: transport.addresses() }))
  await gone!.close()
  let failure: unknown
  const measured = measureLinks({ transport: leader!, clock }, members, new AbortController().signal).catch((error: unknown) => (failure = error))
  while (failure === undefined) {
    clock.advance(100)
    await sleep(systemClock, 0)
  }
  await measured
  expect(failure).toMatchObject({ rank: 2, name: 'ShoalError' })
  for (const transport of [leader!, there!]) await transport.close()
})
