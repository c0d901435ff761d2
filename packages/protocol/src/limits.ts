/**
 * Limits on every length and count that another peer chooses, with their reasons. They are checked before anything is
 * allocated.
 */
export const limits = {
  /**
   * One frame on a channel. A step of `maxRowsPerStep` rows at hidden size 16,384, that of the largest open models, is
   * 32 MiB in float32.
   */
  maxFrameBytes: 32 * 1024 * 1024 + 4096,
  /** Unconsumed bytes of one sender on a channel: one largest frame in work and one in flight. */
  channelCreditBytes: 64 * 1024 * 1024 + 16384,
  /** Rows of one step. Prefill chunks have 64 to 128 rows; four times that leaves room for slow links. */
  maxRowsPerStep: 512,
  /** One header, whose length travels in 16 bits. The largest is that of `open` with 16 addresses: 9 KiB. */
  maxHeaderBytes: 64 * 1024 - 1,
  /** Open sessions of one peer at one stage: 16 users behind one API, with head-room. */
  maxSessionsPerPeer: 64,
  /** Wait of an `open` for room at a stage: longer than the longest answers of a slow swarm, so that room comes first. */
  maxOpenWaitMs: 600_000,
  /** Stages of a route. One per block of an 80-block model would already be absurd. */
  maxStages: 128,
  /** Ranks of a group. The smallest share of a block is one head, and large groups lose more to their sums than they gain. */
  maxRanks: 64,
  /** Entries of a group's table of algorithms by size. There are three algorithms. */
  maxSumSizes: 8,
  /** Tokens of a vocabulary. The largest have 262,144. */
  maxVocabulary: 4_194_304,
  /** Best logits of a row, which top-k sampling draws from; for more, the whole row is asked for. */
  maxBestLogits: 1024,
  /** Payload of an echo, by which a leader measures a link: one piece of a sum. */
  maxEchoBytes: 128 * 1024,
  /** Stages that together take over what one stage releases. Their addresses must fit a header. */
  maxSuccessors: 16,
  /** Addresses in a record: two address families, a few interfaces, a relay or two. */
  maxAddresses: 16,
  /** A multiaddr as text. Relayed WebRTC addresses with certificate hashes have about 300 bytes. */
  maxAddressBytes: 512,
  /** A manifest. 80 blocks × 12 tensors × about 120 bytes are 115 KiB; mixtures of experts have more tensors. */
  maxManifestBytes: 16 * 1024 * 1024,
  /** One asset. The tokenizer.json of the largest vocabularies (262,144 tokens) is about 33 MB. */
  maxAssetBytes: 64 * 1024 * 1024,
  /** One piece of a blob: what is fetched again after a loss on a slow link. */
  blobChunkBytes: 1024 * 1024,
  /** One member's record, as the directory holds it. */
  maxRecordBytes: 8 * 1024,
  /** One signed word of a member: a whole record of 8 KiB is the largest. */
  maxWordBytes: 8 * 1024,
  /** Words in one frame: the chain of one owner has at most 25 words and about 20 KiB. Longer answers are divided. */
  maxWordsBytes: 64 * 1024,
  /** Entries of a vector or a roll, one for each member. A cell has at most 512 members, and a swarm is one cell today. */
  maxMembers: 1024,
  /** An error message on the wire. */
  maxMessageBytes: 2048,
  /** One id. A session id is 16 random bytes in hexadecimal, a manifest id 32 bytes, a peer id 52 characters. */
  maxIdLength: 64,
  /** One name: that of a model with its organisation, or of a document, which is a manifest id and a rotation epoch. */
  maxNameLength: 256,
  /** Blocks of a model. The deepest open model has 126. */
  maxBlocks: 4096,
  /** Loads of others in one beat: a peer has eight neighbours on its rings. */
  maxLoadsPerBeat: 8,
  /** One signed statement about a life: a signature, two peer ids of at most 128 characters and three numbers. */
  maxStatementBytes: 384,
  /** The key of a direct channel, used once; as long as the cipher's own key. */
  directKeyBytes: 32,
  /** Where one end of a punched connection may be: an address of either family, and as seen by two servers. */
  punchCandidates: 4,
  /** An Ed25519 signature. */
  signatureBytes: 64,
} as const
