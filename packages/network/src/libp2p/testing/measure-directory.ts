/**
 * What the directory costs: bytes on the sockets of N peers in this process, all of which know one address at first.
 *
 *   node packages/network/src/libp2p/testing/measure-directory.ts [PEERS]
 *
 * Bytes include noise, yamux, identify and the dials of connections that were idle and closed; they do not depend on how
 * busy the machine is. Not a test.
 */
import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { RecordRules } from '../../directory/directory.ts'
import { createLibp2pTransport } from '../create-transport.ts'
import { createPeerKey } from '../keys.ts'

const peers = Number(process.argv[2] ?? 16)
/** As large as a hardware record with three addresses. */
const recordBytes = 650

const sockets: Socket[] = []
subscribe('net.client.socket', (message) => sockets.push((message as { socket: Socket }).socket))
/** Both directions; each connection has one end that dialled. */
const bytesSoFar = (): number =>
  sockets.reduce((sum, socket) => sum + socket.bytesWritten + socket.bytesRead, 0)

const rules: RecordRules = {
  order: async (_owner, record) => ({
    incarnation: 1,
    seq: new DataView(record.buffer, record.byteOffset).getUint32(0),
  }),
}
const record = (seq: number): Uint8Array => {
  const bytes = new Uint8Array(recordBytes)
  new DataView(bytes.buffer).setUint32(0, seq)
  return bytes
}
const signal = (): AbortSignal => AbortSignal.timeout(60_000)

const transports = await Promise.all(
  Array.from({ length: peers }, async () =>
    createLibp2pTransport({
      privateKey: await createPeerKey(),
      clock: systemClock,
      logger: silentLogger,
      directory: { rules, serve: true },
    }),
  ),
)
const directoryOf = (transport: (typeof transports)[number]) => {
  if (transport.directory === null) throw new Error('no directory was made')
  return transport.directory
}
const [first, ...others] = transports
for (const transport of others) {
  await transport.dial(first?.addresses()[0] ?? '', { signal: signal() })
  await directoryOf(transport).whenReady(signal())
}

const asking = transports.slice(-4)

/** What `work` of one peer costs on all sockets, as a mean over some peers. */
async function costOf(work: (directory: ReturnType<typeof directoryOf>) => Promise<void>): Promise<number> {
  const before = bytesSoFar()
  for (const transport of asking) await work(directoryOf(transport))
  return (bytesSoFar() - before) / asking.length
}

async function search(directory: ReturnType<typeof directoryOf>): Promise<void> {
  for await (const _ of directory.providers('manifest/a', { signal: signal() })) continue
}

/** As a publisher's. */
const turn =
  (seq: number) =>
  async (directory: ReturnType<typeof directoryOf>): Promise<void> => {
    await directory.publish(record(seq), { signal: signal() })
    for (const topic of ['manifest/a', 'model/b']) await directory.provide(topic, { signal: signal() })
    await search(directory)
  }

await costOf(turn(1))
const connected = await costOf(turn(2))
const lookUp = await costOf(search)
await Promise.all(
  transports.flatMap((transport) => transport.connected().map((peer) => transport.hangUp(peer))),
)
const dialled = await costOf(turn(3))
const known = transports.map((transport) => directoryOf(transport).stats().peers)
const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`
process.stdout.write(`${peers} peers, each knows ${Math.min(...known)} to ${Math.max(...known)} of them\n`)
process.stdout.write(
  `a lookup ${kib(lookUp)}; a turn ${kib(connected)} over open connections, ${kib(dialled)} when it dials first\n`,
)
// A turn in ten minutes, and libp2p's own three lookups: two of its table, one of its own place.
process.stdout.write(
  `at rest, per peer and minute: ${kib((connected + 3 * lookUp) / 10)} to ${kib((dialled + 3 * lookUp) / 10)}\n`,
)
await Promise.all(transports.map((transport) => transport.close()))
