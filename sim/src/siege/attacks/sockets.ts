import { connect, type Socket } from 'node:net'
import { seededRandom } from '@shoal/host'
import { protocols } from '@shoal/protocol'
import type { Attack, Besieger } from '../attack.ts'

/** Host and port of a multiaddr. */
function placeOf(address: string): { readonly host: string; readonly port: number } {
  const [, host = '127.0.0.1', port = '0'] = /\/ip4\/([^/]+)\/tcp\/(\d+)/.exec(address) ?? []
  return { host, port: Number(port) }
}

/** Opens sockets of which the newest `most` are kept. */
async function openSockets(
  besieger: Besieger,
  most: number,
  pauseMs: number,
  use: (socket: Socket) => void,
): Promise<void> {
  const open: Socket[] = []
  const place = placeOf(besieger.target.address)
  await besieger.repeat(async () => {
    const socket = connect({ ...place, localAddress: besiegersAddress })
    socket.on('error', () => undefined)
    use(socket)
    open.push(socket)
    besieger.count('sockets')
    if (open.length > most) open.shift()?.destroy()
    await besieger.pause(pauseMs)
  })
  for (const socket of open) socket.destroy()
}

/** All attacks come from one address, in another network than honest peers: every address of 127.0.0.0/8 is this machine. */
export const besiegersAddress = '127.66.0.1'

export const socketAttacks: readonly Attack[] = [
  {
    name: 'silent-sockets',
    about: 'opens sockets that say nothing, 500 of them at a time',
    run: (besieger) => openSockets(besieger, 500, 5, () => undefined),
  },
  {
    name: 'noise-bytes',
    about: 'sends random bytes in the place of a handshake',
    run: (besieger) =>
      openSockets(besieger, 50, 10, (socket) => {
        socket.write(Buffer.alloc(4096, 0x5a))
        socket.write('\x13/multistream/1.0.0\n\x07/noise\n')
        socket.write(Buffer.alloc(64 * 1024, 0xa5))
      }),
  },
  {
    name: 'handshakes',
    about: 'connects and disconnects as fast as it can, with a new key each time',
    async run(besieger) {
      const one = (): Promise<void> =>
        besieger.repeat(async () => {
          const peer = await besieger.stranger()
          try {
            await peer.transport.dial(besieger.target.address, { signal: besieger.signal })
            besieger.count('handshakes')
          } finally {
            await besieger.dismiss(peer)
          }
        })
      await Promise.all([one(), one(), one(), one()])
    },
  },
  {
    name: 'channel-churn',
    about: 'opens channels and drops them, and pings',
    async run(besieger) {
      const peer = await besieger.stranger()
      const churn = (protocol: string): Promise<void> =>
        besieger.repeat(async () => {
          const channel = await besieger.open(peer, protocol)
          besieger.count('channels')
          channel.abort(new Error('enough'))
        })
      const ping = (): Promise<void> =>
        besieger.repeat(async () => {
          await peer.transport.ping(besieger.target.peerId, { signal: besieger.signal })
          besieger.count('pings')
        })
      await Promise.all([churn(protocols.hello), churn(protocols.session), churn(protocols.blobs), ping()])
    },
  },
  {
    name: 'random-frames',
    about: 'sends frames of random bytes on every protocol',
    async run(besieger) {
      const peer = await besieger.stranger()
      const frame = new Uint8Array(2000)
      const random = seededRandom(1)
      const noise = (protocol: string): Promise<void> =>
        besieger.repeat(async () => {
          const channel = await besieger.open(peer, protocol)
          for (const index of frame.keys()) frame[index] = random.uint32()
          for (let length = 1; length < frame.length && !channel.closed; length *= 3) {
            await channel.send(frame.subarray(0, length))
            besieger.count('frames')
          }
          channel.abort(new Error('enough'))
        })
      await Promise.all(Object.values(protocols).map(noise))
    },
  },
]
