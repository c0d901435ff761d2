/**
 * Upper bounds on what a model may claim, checked before anything is allocated or multiplied. They are far above every
 * published model, and low enough that products of two of them stay exact integers and that a malicious file costs little.
 */
export const limits = {
  /** A constrained choice: enough for labels, names of tools and lists of places; each step looks at every text. */
  choiceTextsMax: 1024,
  choiceTextLengthMax: 1024,
  /** `config.json` and `generation_config.json`: real ones have a few kilobytes. */
  configBytesMax: 1 << 20,
  /** Largest embedding width; Llama 3.1 405B has 16,384. */
  hiddenSizeMax: 1 << 17,
  feedForwardSizeMax: 1 << 20,
  /** Llama 3.1 405B has 126 blocks. */
  blockCountMax: 1024,
  /** Experts of one block; Qwen3-Next has 512. */
  expertCountMax: 1024,
  /** Experts that a token uses; Qwen3-Next uses 10. */
  activeExpertsMax: 64,
  /**
   * Values of one row in all experts that compute it, of which a call holds a few copies outside of the budget: 1 MiB each.
   * Qwen3-235B has 32,768, and Mixtral 8x22B 65,536.
   */
  expertRowValuesMax: 1 << 18,
  /** Experts of all blocks, each a unit of its own; Kimi K2 has 23,040. */
  expertsOfModelMax: 1 << 15,
  headCountMax: 4096,
  headSizeMax: 1024,
  /** Positions of a short convolution; 3 in published models. */
  convolutionTapsMax: 64,
  /** Gemma 3 has 262,144 entries. */
  vocabularySizeMax: 1 << 21,
  contextLengthMax: 1 << 24,
  /** Token ids that end a generation; real lists have one to ten. */
  eosTokenIdsMax: 64,

  /** Header of one safetensors file: the reference implementation refuses above 100 MB, real ones are below 1 MB. */
  safetensorsHeaderBytesMax: 16 << 20,
  safetensorsTensorsMax: 1 << 17,
  /** Dimensions of one tensor. */
  rankMax: 8,
  /** `model.safetensors.index.json`: 405B models have about 100 kB. */
  indexBytesMax: 16 << 20,
  shardsMax: 4096,

  /** Metadata and tensor list of one GGUF file: 262,144 tokens with scores and as many merges take 15 MB. */
  ggufHeaderBytesMax: 64 << 20,
  /** Keys of metadata; real files have 20 to 60. */
  ggufKeysMax: 4096,
  /** The format's own bound on a key. */
  ggufKeyBytesMax: 65_535,
  /** One text: chat templates are the longest, and have at most 25,000 characters. */
  ggufTextBytesMax: 1 << 20,
  /** Elements of one list: tokens, scores or merges of a vocabulary. */
  ggufListLengthMax: 1 << 21,
  /** Elements of all lists of a header: tokens, types, scores and merges. */
  ggufElementsMax: 1 << 23,
  /** Squares of the lengths of a vocabulary's pieces, summed: real ones have 20 million, and each costs a look-up. */
  ggufPieceWorkMax: 1 << 28,
  /** `GGML_MAX_DIMS` of ggml. */
  ggufRankMax: 4,
  /** Parts of a split GGUF file; parts have 2 GB and more. */
  ggufPartsMax: 1024,

  /** A manifest has about 150 bytes a tensor: 48 blocks of 128 experts with four tensors each need 4 MB. */
  manifestBytesMax: 16 << 20,
  /** Bytes of a model's name, shown to people and part of the manifest's id. */
  modelNameBytesMax: 256,
  /** A tokenizer.json of 262,144 entries has 33 MB. */
  assetBytesMax: 64 << 20,

  /** Merges of a byte-pair vocabulary: SentencePiece vocabularies have two for each piece. */
  mergesMax: 1 << 23,
  /** Text that a tokenizer's normalizer may make: 1,048,576 tokens of 16 characters. */
  normalizedCharactersMax: 1 << 24,

  /** Values read, quantised and hashed at once while packing: 8 MiB of float32. */
  packValuesMax: 1 << 21,
  /** The same for calibrated rounding, which takes twenty times as long for each value: a tenth of a second of the event loop. */
  calibratedValuesMax: 128 * 1024,

  /** Characters of a chat template; the longest known (tool use) has 25,000. */
  chatTemplateCharactersMax: 1 << 18,
  /**
   * Characters (a list entry counts as 16) of all values that a template makes while it renders one chat: a full context of 131,072
   * tokens has 0.5 million characters, which pass through some ten blocks.
   */
  templateValuesMax: 1 << 25,
  /** Blocks and brackets of a chat template in one another; the deepest known has 14 blocks. Each takes some of the stack. */
  templateNestingMax: 100,
  /** Macros of a chat template that call one another: the schemas of tools, which they walk, are some ten levels deep. */
  templateCallsMax: 200,
  /** Levels of lists and objects in tools, arguments and variables of a chat; JSON schemas of real tools have some ten. */
  chatValueDepthMax: 64,
  /** Stop texts of one request; OpenAI allows 4. */
  stopTextsMax: 16,
  stopTextCharactersMax: 1024,
} as const
