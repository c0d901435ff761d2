/** What a peer of the bench says when it serves: its id, and the address at which it is reached. */
export interface PeerPlace {
  readonly peer: string
  readonly address: string
}

/** Answers each frame with the same frame. */
export const echoProtocol = '/bench-echo/1'
/** Takes frames, and answers one of a single byte. */
export const sinkProtocol = '/bench-sink/1'
