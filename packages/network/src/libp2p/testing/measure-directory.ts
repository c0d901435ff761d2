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
import type { RecordRules } from '../../directory.ts'
import { createLibp2pTransport } from '../create-transport.ts'
import { createPeerKey } from '../keys.ts'

const peers = Number(process.argv[2] ?? 16)
/** As large as a hardware record with three addresses. */
const recordBytes = 650

const sockets: Socket[] = []
subscribe('net.client.socket', (message) => sockets.push((message as { socket: Socket }).socket))
/** Both directions; each connection has one end that dialled. */
const bytesSoFar = (): number => sockets.reduce((sum, socket) => sum + socket.bytesWritten + socket.bytesRead, 0)

const rules: RecordRules = { order: async (_owner, record) => ({ incarnation: 1, seq: new DataView(record.buffer, record.byteOffset).getUint32(0) }) }
const record = (seq: number): Uint8Array => {
  const bytes = new Uint8Array(recordBytes)
  new DataView(bytes.buffer).setUint32(0, seq)
  return bytes
}
const signal = (): AbortSignal => AbortSignal.timeout(60_000)

const transports = await Promise.all(Array.from({ length: peers }, async () => createLibp2pTransport({ privateKey: await createPeerKey(), clock: systemClock, logger: silentLogger, directory: { rules, serve: true } })))
const directoryOf = (transport: (typeof transports)[number]) => {
  if (transport.directory === null) throw new Error('no directory was made')
  return transport.directory
}
const [first, ...others] = transports
for (const transport of others) {
  await transport.dial(first?.addresses()[0] ?? '', { signal: signal() })
  await directoryOf(transport).whenReady(signal())
}

/** What one peer's turn costs all, as a mean over the peers. */
async function turn(seq: number, fresh: boolean): Promise<number> {
  if (fresh) await Promise.all(transports.flatMap((transport) => transport.connected().map((peer) => transport.hangUp(peer))))
  const before = bytesSoFar()
  for (const transport of transports) {
    const directory = directoryOf(transport)
    await directory.publish(record(seq), { signal: signal() })
    for (const topic of ['manifest/a', 'model/b']) await directory.provide(topic, { signal: signal() })
    for await (const _ of directory.providers('manifest/a', { signal: signal() })) continue
  }
  return (bytesSoFar() - before) / peers
}

await turn(1, false)
const connected = await turn(2, false)
const dialled = await turn(3, true)
const known = transports.map((transport) => directoryOf(transport).stats().peers)
const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`
process.stdout.write(`${peers} peers, each knows ${Math.min(...known)} to ${Math.max(...known)} of them\n`)
process.stdout.write(`a turn over connections that are open: ${kib(connected)} per peer, ${kib(connected / 10)} a minute\n`)
process.stdout.write(`a turn that dials first: ${kib(dialled)} per peer, ${kib(dialled / 10)} a minute\n`)
await Promise.all(transports.map((transport) => transport.close()))
