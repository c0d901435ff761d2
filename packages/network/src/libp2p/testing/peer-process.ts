/** A peer in a process of its own, for tests that kill it: prints its address, echoes what it gets on `/echo/1`. */
import { silentLogger } from '@shoal/host'
import { exitWithParent, systemClock, systemRandom } from '@shoal/host/node'
import { createLibp2pTransport } from '../create-transport.ts'
import { createPeerKey } from '../keys.ts'

exitWithParent()
const transport = await createLibp2pTransport({
  privateKey: await createPeerKey(),
  clock: systemClock,
  logger: silentLogger,
  speedUps: process.argv[2] !== 'without',
  direct: { protocols: ['/echo/1'], random: systemRandom },
})
transport.handle('/echo/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
process.stdout.write(`${transport.addresses()[0]}\n`)
