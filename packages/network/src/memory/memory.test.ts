import { seededRandom, type Clock } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { describeTransport } from '../conformance/conformance.ts'
import { createMemoryNetwork } from './network.ts'

describeTransport('memory', (clock) => {
  const network = createMemoryNetwork({ clock, random: seededRandom(1) })
  let names = 0
  return {
    createTransport() {
      names += 1
      return Promise.resolve(network.createTransport(`peer-${names}`))
    },
    nobody: () => '/memory/nobody/p2p/nobody',
  }
})

// Links that take time, bytes and losses. Short delays pass by themselves; the suite moves what is long.
describeTransport('memory with shaped links', (clock) => {
  const linkClock: Clock = {
    ...systemClock,
    after: (delayMs, action) => (delayMs < 1000 ? systemClock : clock).after(delayMs, action),
  }
  const shape = { latencyMs: 0.5, jitterMs: 1, bytesPerSecond: 2e9, lossPermille: 20, retransmitMs: 2 }
  const network = createMemoryNetwork({ clock: linkClock, random: seededRandom(2), shapeOf: () => shape })
  let names = 0
  return {
    createTransport() {
      names += 1
      return Promise.resolve(network.createTransport(`peer-${names}`))
    },
    nobody: () => '/memory/nobody/p2p/nobody',
  }
})
