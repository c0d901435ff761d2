/** The type code of each message, which is the first byte of its frame. A retired code is never used again. */
export const codes = {
  hello: 0x01,
  refused: 0x02,

  open: 0x10,
  opened: 0x11,
  step: 0x12,
  result: 0x13,
  failed: 0x14,
  close: 0x15,
  'keep-alive': 0x16,
  replay: 0x17,
  leaving: 0x18,
  'hand-over': 0x19,
  'handed-over': 0x1a,
  'let-go': 0x1b,
  'key-values': 0x1c,
  'key-values-end': 0x1d,
  receipt: 0x1e,

  // 0x20 and 0x21 belonged to version 1 of the members protocol.
  beat: 0x22,
  words: 0x23,
  vector: 0x24,
  want: 0x25,
  proof: 0x26,
  statements: 0x27,
  roll: 0x28,
  prune: 0x29,

  get: 0x30,
  chunk: 0x31,
  'no-blob': 0x32,

  'group-form': 0x40,
  'group-connect': 0x41,
  'group-open': 0x42,
  'group-truncate': 0x43,
  'group-close': 0x44,
  'group-done': 0x45,
  'group-failed': 0x46,
  'group-meet': 0x47,
  'group-call': 0x48,
  'group-part': 0x49,
  'group-lane': 0x4a,
  'group-lanes': 0x4b,
  'group-echo': 0x4c,
  'group-head-load': 0x4d,
  'group-head': 0x4e,
  'group-logits': 0x4f,

  'direct-ask': 0x50,
  'direct-offer': 0x51,

  evidence: 0x60,

  embed: 0x70,
  logits: 0x71,
  'vocabulary-rows': 0x72,
  'vocabulary-failed': 0x73,

  'dial-back': 0x80,
  'dialled-back': 0x81,

  'punch-offer': 0x90,
  'punch-answer': 0x91,
  'punch-go': 0x92,
} as const
