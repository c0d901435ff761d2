import { messageOf, silentLogger } from '@shoal/host'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@shoal/host/node'
import { createLibp2pTransport, createPeerKey, type Channel, type Transport } from '@shoal/network'
import { loopbackPunch, sinkProtocol, type PeerPlace } from './places.ts'

/** The peer of this process, and three others, each in a process of its own. */
export interface BenchPeers {
  readonly transport: Transport
  /** Ids of the peer that was dialled, and of the one that is reached through a relay in a third process. */
  readonly direct: string
  readonly relayed: string
  /** Reached through the routers of both, after the relay has brought them together; null where that is not possible. */
  readonly punched: string | null
  /** Why it is not; null where it is. */
  readonly whyNotPunched: string | null
  close(): Promise<void>
}

const connectLimitMs = 30_000

export async function startPeers(): Promise<BenchPeers> {
  const children: ChildProcess[] = []
  const program = fileURLToPath(new URL('./peer-process.ts', import.meta.url))
  const start = async (...words: readonly string[]): Promise<PeerPlace> => {
    const child = fork(program, words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    children.push(child)
    const [place] = (await once(child, 'message', { signal: AbortSignal.timeout(connectLimitMs) })) as [
      PeerPlace,
    ]
    return place
  }
  const transport = await createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock: systemClock,
    logger: silentLogger,
    listen: [],
    punch: loopbackPunch,
  })
  const close = async (): Promise<void> => {
    await transport.close()
    for (const child of children) child.kill('SIGKILL')
  }
  try {
    const relay = await start('relay')
    // Connected without a relay, it tells this peer over UDP under which address it appears.
    await transport.dial(relay.address, { signal: AbortSignal.timeout(connectLimitMs) })
    const places = [
      await start('open'),
      await start('hidden', relay.address),
      await start('hidden', relay.address),
    ]
    const [direct = '', relayed = '', other = ''] = await Promise.all(
      places.map(({ address }) => transport.dial(address, { signal: AbortSignal.timeout(connectLimitMs) })),
    )
    if (transport.path?.(relayed)?.kind !== 'relayed') throw new Error('the hidden peer is not relayed')
    const whyNotPunched = await punch(transport, other)
    return {
      transport,
      direct,
      relayed,
      punched: whyNotPunched === null ? other : null,
      whyNotPunched,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** @returns why there is no connection through both routers; null when there is one */
async function punch(transport: Transport, peer: string): Promise<string | null> {
  try {
    await transport.punch?.(peer, { signal: AbortSignal.timeout(connectLimitMs) })
    return transport.path?.(peer)?.kind === 'punched' ? null : 'the connection ended at once'
  } catch (error) {
    return messageOf(error)
  }
}

/** Milliseconds of one round trip, for each of `count` one after another. */
export async function roundTrips(channel: Channel, bytes: number, count: number): Promise<number[]> {
  const frame = new Uint8Array(bytes)
  const times: number[] = []
  let answered: (() => void) | undefined
  channel.onFrame(() => answered?.())
  for (let turn = 0; turn < count; turn += 1) {
    const startMs = performance.now()
    const answer = new Promise<void>((resolve) => (answered = resolve))
    await channel.send(frame)
    await answer
    times.push(performance.now() - startMs)
  }
  return times
}

/** Bytes a second until the receiver has taken all. */
export async function transferRate(
  transport: Transport,
  peer: string,
  bytes: number,
  frameBytes = 128 * 1024,
): Promise<number> {
  const channel = await transport.open(peer, sinkProtocol, { signal: AbortSignal.timeout(connectLimitMs) })
  try {
    const frame = new Uint8Array(frameBytes)
    const taken = new Promise<void>((resolve, reject) => {
      channel.onFrame(() => resolve())
      channel.onClose(() => reject(new Error('the transfer broke off')))
    })
    const startMs = performance.now()
    for (let sent = 0; sent < bytes; sent += frameBytes) await channel.send(frame)
    await channel.send(new Uint8Array(1))
    await taken
    return (bytes * 1000) / (performance.now() - startMs)
  } finally {
    await channel.close()
  }
}
