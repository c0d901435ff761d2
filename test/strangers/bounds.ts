export interface Bound {
  /** Most that an attack may count of each. */
  readonly most?: Readonly<Record<string, number>>
  /** What the attack must have counted, so that the test does not pass because nothing was sent. */
  readonly least: Readonly<Record<string, number>>
}

/** What each attack of the siege must have done, and what it may have achieved. */
export const bounds: Readonly<Record<string, Bound>> = {
  'unsigned-words': { least: { words: 9 } },
  'word-flood': { least: { words: 9 } },
  contradictions: { least: { words: 2 } },
  'held-dead': { least: { members: 1 } },
  // One record names sixteen addresses, and each is dialled four times before the first pause.
  'made-up-addresses': { least: { members: 1 }, most: { 'dials caused': 64 } },
  'absurd-claims': { least: { members: 1 } },
  'held-rows': { least: { sessions: 1 }, most: { sessions: 16 } },
  // The sessions of all keys of a network are those of one stranger.
  'greedy-sessions': { least: { sessions: 1 }, most: { sessions: 16 } },
  prefills: { least: { rows: 32 } },
  decodes: { least: { rows: 1 } },
  'port-scan': { least: { 'open: peer-vanished': 1 }, most: { knocks: 0, 'next stages reached': 0 } },
  'spoilt-sessions': { least: { failed: 1 } },
  // The node reads a network only while it has time of the event loop left, which on a busy machine is little.
  // Of windows that lie nothing is computed.
  'draft-windows': {
    least: { windows: 8, 'lies refused': 7 },
    most: {
      'computed: more rows than it brings': 0,
      'computed: fewer rows than it brings': 0,
      'computed: an epoch to come': 0,
      'computed: a position ahead': 0,
      'computed: a rewind to a position ahead': 0,
      'computed: more positions than it has': 0,
      'computed: positions without a rewind': 0,
    },
  },
  'false-evidence': { least: { pieces: 12 } },
  'relay-slots': {
    least: { 'slot requests': 2, 'ways asked for': 1 },
    most: { 'slots given': 0, 'ways given': 0 },
  },
  'unread-weights': { least: { requests: 8 } },
  'single-bytes': { least: { requests: 8 } },
  'silent-sockets': { least: { sockets: 20 } },
  'noise-bytes': { least: { sockets: 10 } },
  handshakes: { least: { handshakes: 1 } },
  'channel-churn': { least: { channels: 1 } },
  'random-frames': { least: { frames: 1 } },
  'api-streams': { least: {} },
  // Heads beyond 16 KiB are refused, and connections beyond the port's places make way, oldest first.
  'api-connections': { least: { connections: 600, '431': 10 } },
  'api-prompts': { least: { '400': 1, '403': 1 }, most: { '200': 0, '500': 0 } },
}
