/** What one caller of the HTTP API may ask for, each with its reason. */
export const apiLimits = {
  /** A context of 131,072 tokens is about half a megabyte of text; JSON escapes and logit of history double it. */
  maxBodyBytes: 4 * 1024 * 1024,
  /** All bodies that are being received: four of the longest, or sixteen prompts of the longest context. */
  maxBodiesBytes: 16 * 1024 * 1024,
  /**
   * What requests of one address may take of the event loop in a second, by the estimates below: 133 small ones, or 12 MiB of
   * bodies. 2,000 small ones may come at once: a batch of a program on this machine. What is too much waits, for some 1.5 s at
   * most: 200 small ones, far fewer than `maxConnections`, since a request that waits keeps its connection and would shut
   * others out.
   */
  callerTime: { msPerSecond: 200, savedMsMost: 3000, debtMsMost: 300 },
  /** A request that is refused at once takes some 1.5 ms, with its connection. */
  requestMs: 1.5,
  /** Receiving and parsing 1 MiB of JSON, and collecting what is left of it. */
  bodyMsPerMiB: 16,
  /** Levels of lists and objects in a body: schemas of tools have up to 30, and what walks through them is recursive. */
  maxBodyNesting: 512,
  /** Entries of a logit bias: OpenAI allows 1,024. */
  maxLogitBiases: 4096,
  /** Generations at once: the sessions a stage admits by KV memory are few; more callers wait at their own side. */
  maxGenerations: 16,
  /**
   * Of the places, and of the positions for which the stages have room, what one key or address may hold where callers can
   * be told apart: a quarter stays for the others.
   */
  callerShare: 0.75,
  /**
   * An answer ends when its caller has read nothing for so long although there was something to read: a page that is being
   * scrolled or a laptop's lid that is closed for a moment reads again sooner. Its place is free then.
   */
  stallMs: 30_000,
  /** The head of a request is a few kilobytes; a slow phone sends them within a second. */
  headersTimeoutMs: 10_000,
  /** A body of `maxBodyBytes` takes 32 s at 1 Mbit/s. */
  requestTimeoutMs: 60_000,
  /** How often the two limits above are looked at: Node's own 30 s would treble the first. */
  timeoutCheckMs: 2_000,
  /**
   * Time for the next request on an open connection: longer than the 60 s after which clients and proxies close theirs, so
   * that none sends a request into a connection that is being closed. `maxConnections` bounds how many wait.
   */
  idleConnectionMs: 75_000,
  /** Headers of a stream go out after this time at the latest; a refusal that comes sooner has its own status. */
  headersWithinMs: 500,
  /** A stream that has nothing to say says so this often; impatient proxies close a silent one after 5 s. */
  keepAliveMs: 3_000,
  /** Names, cookies and tokens of browsers; Node's default, stated because it bounds what an unread head may take. */
  maxHeaderBytes: 16 * 1024,
  /**
   * Connections at once: places are 16, and dashboards and probes hold one each. Each costs about 50 KB at most. Beyond them
   * the address with the most makes way (`connection-places.ts`).
   */
  maxConnections: 512,
  /**
   * Characters for each token of the context that a prompt may have before it is tokenised. Text has 2 to 5 to a token,
   * indented code up to 10.
   */
  promptCharactersPerToken: 16,
  /** Choices of one request; they run one after the other. */
  maxChoices: 8,
  /** OpenAI allows 4 stop texts, and clients send up to 9; more only slow the filter down. */
  maxStops: 16,
  maxStopLength: 256,
  maxTopLogprobs: 20,
  /** Of `/v1/completions` in OpenAI's older form. */
  maxCompletionLogprobs: 5,
  /** Prompts in one `/v1/completions` call: as many as choices, for the same reason. */
  maxPrompts: 8,
  maxMessages: 4096,
  /** Bytes of hidden states and logits in one answer: 127 rows of logits at a vocabulary of 128,256. */
  maxForwardBytes: 64 * 1024 * 1024,
  /** OpenAI's limit. */
  maxTools: 128,
  /** Of `x-request-id`: a UUID with a prefix, or two. */
  maxRequestIdLength: 128,
  /** Tokens when the caller names no number: a page of text, not a context full of it. */
  defaultMaxTokens: 1024,
  /** Retry-After of a refusal while no answer's pace has been measured: about one short answer. */
  retryAfterSeconds: 2,
  /** Retry-After at most: an answer may stop long before it has all the tokens it may have. */
  retryAfterSecondsMax: 60,
} as const
