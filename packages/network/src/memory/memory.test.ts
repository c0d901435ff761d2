import { seededRandom } from '@shoal/host'
import { describeTransport } from '../conformance.ts'
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
