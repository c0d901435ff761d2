import { systemRandom } from '@shoal/host/node'

/** What a peer of the bench says when it serves: its id, and the address at which it is reached. */
export interface PeerPlace {
  readonly peer: string
  readonly address: string
}

/** Routers of one machine have its own address. */
export const loopbackPunch = {
  random: systemRandom,
  reaches: (ip: string): boolean => ip === '127.0.0.1',
  mayDial: (): boolean => true,
}

/** Answers each frame with the same frame. */
export const echoProtocol = '/bench-echo/1'
/** Takes frames, and answers one of a single byte. */
export const sinkProtocol = '/bench-sink/1'
