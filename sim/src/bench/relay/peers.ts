import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { createLibp2pTransport, createPeerKey, type Channel, type Transport } from '@shoal/network'
import { sinkProtocol, type PeerPlace } from './places.ts'

/** The peer of this process, and two others, each in a process of its own. */
export interface BenchPeers {
  readonly transport: Transport
  /** Ids of the peer that was dialled, and of the one that is reached through a relay in a third process. */
  readonly direct: string
  readonly relayed: string
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
  })
  const close = async (): Promise<void> => {
    await transport.close()
    for (const child of children) child.kill('SIGKILL')
  }
  try {
    const relay = await start('relay')
    const places = [await start('open'), await start('hidden', relay.address)]
    const [direct = '', relayed = ''] = await Promise.all(
      places.map(({ address }) => transport.dial(address, { signal: AbortSignal.timeout(connectLimitMs) })),
    )
    if (transport.path?.(relayed)?.kind !== 'relayed') throw new Error('the hidden peer is not relayed')
    return { transport, direct, relayed, close }
  } catch (error) {
    await close()
    throw error
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
