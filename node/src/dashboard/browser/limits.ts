/** Bounds of what the page keeps and draws, each with its reason. */
export const pageLimits = {
  /** Conversations in the browser's storage: a list that a person still reads. */
  conversationsMax: 50,
  /** Characters of all stored conversations: browsers give 5 MiB of two-byte characters to an origin. */
  historyCharactersMax: 1_000_000,
  /** Of one question that is sent: the API takes 4 MiB at most, and no context holds more. */
  questionCharactersMax: 200_000,
  /** Lines of the list of what has happened. */
  happeningsMax: 60,
  /** Peers that the map draws; the list below it has all of them. */
  mapPeersMax: 60,
  /** Cells of a bar of blocks: in larger models several blocks share a cell. */
  barCellsMax: 64,
  /** Pause before the stream of events is opened again: a node that restarts takes a second or two. */
  reconnectMs: 1_000,
  /** Silence after which a stream counts as lost: the node sends something every 15 s. */
  streamSilenceMs: 40_000,
  /** How long a lost peer and a new path are marked. */
  markMs: 6_000,
} as const
