/** Limits of this package, each with its reason. */
export const grammarLimits = {
  /** Characters of a grammar's text: the largest published tool lists of agents become about 100 kB of grammar. */
  textLengthMax: 256 * 1024,
  /**
   * Time to read a vocabulary and start its thread. 262,144 tokens, the largest vocabulary of a published model, take 3 s
   * on a busy machine.
   */
  startTimeoutMs: 30_000,
  /**
   * Time to compile one grammar. Schemas of agents take 0.1 to 2 s; other constrained answers of the same model wait
   * meanwhile.
   */
  compileTimeoutMs: 10_000,
  /** Time for one set of tokens, and for a replay of an answer's tokens in a new thread: single sets take up to 80 ms. */
  matchTimeoutMs: 5_000,
  /**
   * Memory of the library in one thread. A vocabulary of 128,256 tokens takes 60 MB, and a compiled schema 1 to 50 MB; a
   * grammar that needs more is refused, and its thread ends.
   */
  memoryMiBMax: 512,
  /** Heap of the thread, which holds the vocabulary's texts beside the library: 2,097,152 tokens take 150 MB. */
  heapMiBMax: 384,
  /** Compiled grammars that a thread keeps for later answers: clients send the same few schemas with every request. */
  compiledKept: 8,
  /** How long a thread is kept while no answer uses it: the turns of a chat come within minutes, and a start takes about 1 s. */
  idleMs: 300_000,
  /** Characters of a schema: the whole tool list of a large agent has 60,000. */
  schemaLengthMax: 256 * 1024,
  /**
   * Steps of reading all schemas of one grammar, on the event loop: a third of a second at most. Sixty tools of twelve
   * arguments each take less than a tenth of them.
   */
  schemaStepsMax: 200_000,
  /** Levels of JSON in a schema, its values and names included; published schemas have up to 30. */
  nestingMax: 256,
  /** Characters of a pattern; published ones have up to 400. */
  patternLengthMax: 4096,
  /** Characters of a member's name, each of which becomes a choice where other names are allowed. */
  nameLengthMax: 512,
  /** Levels of schemas inside of schemas, references followed: published ones have up to 12. */
  schemaDepthMax: 64,
  /** Tags of one answer: as many as the API takes tools. */
  tagsMax: 128,
  /** Members of one object; the largest published schemas have 200. */
  propertiesMax: 512,
  /** `minItems` and `maxItems`. A repetition becomes as many states of the library. */
  itemsMax: 256,
  /** `minLength` and `maxLength`, which are counted: more characters than a context has room for are no bound. */
  stringLengthMax: 1_048_576,
  /** Bounds of repetitions in patterns; published ones have up to 256. */
  patternCountMax: 1024,
  /** Characters and repetitions of a schema's grammar, all counted: 50,000 take 4 s to compile. */
  statesMax: 50_000,
  /** Threads that one answer may use: a thread that another grammar has ended is replaced, and the answer goes on. */
  threadsPerAnswerMax: 4,
} as const
