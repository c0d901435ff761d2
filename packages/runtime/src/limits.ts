/** Every length, count and queue of this package, each with its reason. */
export const limits = {
  /**
   * Rows of one call into onnxruntime; longer inputs are cut, which changes no bits. The widest intermediate is gate and
   * up: 256 rows of an 8B model (2 x 14336 columns) are 29 MB, and fewer rows than these already reach full speed.
   */
  rowsPerCallMax: 256,
  /**
   * Rows of one call that may have rows of several sessions (docs/batching.md), and what a step of an answer waits for at
   * most. Fewer rows take longer each: 32 rows 6% (`rowsBesideStepsMax`), 16 rows 20%; more than 64 are no faster.
   */
  rowsPerSharedCallMax: 64,
  /** The same while steps of answers or short prompts wait beside a long prompt: each of them waits half as long. */
  rowsBesideStepsMax: 32,
  /** As `rowsPerSharedCallMax`, where a call reads its weights from disk: that takes longer than the rows. */
  rowsPerStreamedCallMax: 128,
  /** Rows of one call of the head: 16 rows of a 256k vocabulary are 16 MB of logits. */
  headRowsPerCallMax: 16,
  /** Positions of one `forward`: 64 MiB of hidden states at 4096 columns. A sender has no reason to send more at once. */
  rowsPerForwardMax: 4096,
  /** Calls waiting at one device. Each session has one or two in flight, so this serves hundreds of sessions. */
  queuedCallsMax: 1024,
  /** Bytes of hidden states waiting at one device, beside those of the KV caches. */
  queuedBytesMax: 256 * 1024 * 1024,
  /** Sessions of one runner, whatever their budgets: bounds the memory that the bookkeeping takes. */
  sessionsMax: 4096,
  /** Characters of a session's name. */
  sessionNameMax: 256,
  /**
   * Longest wait for a native call at the end of the process: enough for `rowsPerCallMax` rows of a span that is far too
   * large for its machine. After it the process may abort.
   */
  exitWaitMs: 20_000,
  /** Longest synchronous read of the embedding: one float32 row at hidden size 16,384. Longer reads use the thread pool. */
  embeddingSyncBytesMax: 64 * 1024,
  /** Young generation of the compute thread's heap. In a smaller one, a step's short-lived outputs would be promoted. */
  workerYoungGenerationMiB: 64,
  /** How often a remote engine is asked for a sign of life. */
  remoteBeatMs: 3000,
  /**
   * A remote engine that has sent nothing for so long is lost, although its connection stands: a page that the system has
   * halted. A call of 128 rows blocks the engine, and takes some seconds with the largest spans that a page holds.
   */
  remoteSilentMsMax: 15_000,
  /** The same while it loads blocks or finds its numeric class, which blocks it for longer. */
  remoteLoadMsMax: 180_000,
  /**
   * A remote engine that gives signs of life, and has not answered a call of a session for so long, is lost. It computes one
   * call after the other, and at most two are under way.
   */
  remoteCallMsMax: 60_000,
  /** Bytes that wait for a remote engine to read them: one call with the most rows of a page's model. */
  remoteWaitingBytesMax: 64 * 1024 * 1024,
  /** Smallest growth of a KV cache, in positions. */
  keyValueStepMin: 64,
} as const
