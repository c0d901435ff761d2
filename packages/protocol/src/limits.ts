/**
 * Every length, count and rate that a peer can make us hold, with its reason. Checked before anything is allocated.
 */
export const limits = {
  /**
   * One frame on a channel: 1,024 rows of hidden size 8,192 in float32 are 32 MiB; coordinators send at most
   * `maxRowsPerStep` rows at a time and the largest open models have hidden size 16,384.
   */
  maxFrameBytes: 32 * 1024 * 1024 + 4096,
  /** Bytes a sender may have unconsumed on one channel: one largest frame in work and one in flight. */
  channelCreditBytes: 64 * 1024 * 1024 + 16384,
  /** Rows in one step: prefill chunks are 64 to 128 rows; four times that leaves room for slow links. */
  maxRowsPerStep: 512,
  /** A header in front of a payload; its length travels in 16 bits. The largest is `open` with 16 addresses: 9 KiB. */
  maxHeaderBytes: 64 * 1024 - 1,
  /** Sessions one peer may hold open at one stage: 16 users behind one API with head-room. */
  maxSessionsPerPeer: 64,
  /** Stages in a route: one per block of an 80-block model is already absurd. */
  maxStages: 128,
  /** Ranks of a group: the smallest share of a block is one head, and groups of more than some devices lose to their sums. */
  maxRanks: 64,
  /** Sizes from which on a group adds up in another way: there are three ways. */
  maxSumSizes: 8,
  /** Tokens of a vocabulary: the largest have 262,144. */
  maxVocabulary: 4_194_304,
  /** What a rank sends back to whoever measures its link: one piece of a sum. */
  maxEchoBytes: 128 * 1024,
  /** Spans that together take over what one stage gives up: their addresses must fit a header; more are a case for a replay. */
  maxSuccessors: 16,
  /** Addresses in a record: two families, a few interfaces, a relay or two. */
  maxAddresses: 16,
  /** A multiaddr as text: relayed WebRTC addresses with certificate hashes are about 300. */
  maxAddressBytes: 512,
  /** A manifest: 80 blocks × 12 tensors × about 120 bytes are 115 KiB; mixtures of experts have more tensors. */
  maxManifestBytes: 16 * 1024 * 1024,
  /** tokenizer.json of the largest vocabularies (262,144 tokens) is about 33 MB. */
  maxAssetBytes: 64 * 1024 * 1024,
  /** One piece of a blob: a hash-checked unit of loss on a slow link. */
  blobChunkBytes: 1024 * 1024,
  /** One member's signed record. */
  maxRecordBytes: 8 * 1024,
  /** One update of the membership document: 1,000 members' records and their history. */
  maxMembershipUpdateBytes: 4 * 1024 * 1024,
  /** Members in a document before more are refused: the exact planner is for some hundreds. */
  maxMembers: 4096,
  /** An error sentence on the wire. */
  maxMessageBytes: 2048,
  /** Ids: a session is 16 random bytes in hexadecimal, a manifest 32, a peer id 52 characters. */
  maxIdLength: 64,
  /** Names for people and of documents: a manifest's id and a rotation epoch; an organisation and a model. */
  maxNameLength: 256,
  /** Blocks of a model: the deepest open one has 126. */
  maxBlocks: 4096,
  /** A beat's signed body: five small numbers are 60 bytes, and later versions may add some. */
  maxBeatBytes: 1024,
  /** The key of a direct channel, used once: as long as the cipher's own. */
  directKeyBytes: 32,
  /** An Ed25519 signature. */
  signatureBytes: 64,
} as const
