import { seededRandom } from '@shoal/host'
import { describeDirectory } from '../conformance/directory.ts'
import { MemoryDirectory } from './directory.ts'
import { createMemoryNetwork } from './network.ts'

describeDirectory('memory', (clock) => {
  const network = createMemoryNetwork({ clock, random: seededRandom(1) })
  let names = 0
  return {
    create(options) {
      names += 1
      const transport = network.createTransport(`peer-${names}`)
      return Promise.resolve({ transport, directory: network.createDirectory(transport.peerId, options) })
    },
    // What a holder does with a record, whoever sent it.
    plant: ({ directory }, owner, record) => {
      if (!(directory instanceof MemoryDirectory)) throw new Error('made elsewhere')
      return directory.admit(owner, record).then(
        () => true,
        () => false,
      )
    },
    close: () => Promise.resolve(),
  }
})
