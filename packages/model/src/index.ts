/**
 * Models: their configs, weights, tokenizers and manifests, and how a token is drawn from logits.
 *
 * Nothing here touches the file system or the network: weights are read through a {@link RangeReader}, so the same
 * code works over files, HTTP, peers and memory, in Node and in browsers. Files are behind `@shoal/model/node`.
 *
 * @example
 * const source = await openModel(files)
 * const profile = parseProfile('int4:128')
 * const tensors = await packTensors(source, profile, unitNames(source.config), sink)
 * const { id } = identifyManifest(buildManifest(source, profile, tensors))
 */
export { assetNames, isAssetName, type AssetName } from './manifest/assets.ts'
export { splitVocabulary, vocabularyMultiple } from './splitting/vocabulary-split.ts'
export {
  formatSplit,
  rankShare,
  splitBlocks,
  type BlockSplit,
  type IndexRange,
  type RankShare,
} from './splitting/block-split.ts'
export { rankPermille } from './splitting/rank-weights.ts'
export { checkConfig } from './families/check-config.ts'
export { blockSpec, blockSpecs, familyNames, headSpec } from './families/registry.ts'
export type {
  Activation,
  AttentionSpec,
  ConvolutionSpec,
  BlockSpec,
  DenseSpec,
  ExpertsSpec,
  GroupedRouting,
  LatentSpec,
  FeedForwardSpec,
  HeadSpec,
  NormKind,
  ProjectedHeads,
} from './config/block-spec.ts'
export type {
  BlockRange,
  ExpertsConfig,
  LongRopeScaling,
  ModelConfig,
  RopeConfig,
  YarnScaling,
} from './config/model-config.ts'
export { activeWeights, type ActiveWeights } from './packing/active-weights.ts'
export { decodeManifest, isEarlierManifest } from './manifest/decode-manifest.ts'
export { dequantiseRows } from './packing/quantising/dequantise.ts'
export { ModelError, type ModelErrorCode } from './error.ts'
export { createPortableHasher, sha256Hex, type Hasher } from './manifest/hasher.ts'
export { buildManifest, identifyManifest } from './manifest/identify-manifest.ts'
export { limits as modelLimits } from './limits.ts'
export { manifestVersion } from './manifest/manifest.ts'
export type {
  IdentifiedManifest,
  Manifest,
  ManifestAsset,
  ManifestTensor,
  PackedType,
  UnitName,
} from './manifest/manifest.ts'
export { openModel, type ModelSource } from './sources/model-source.ts'
export { openGguf } from './sources/gguf/gguf-model.ts'
export { partNames } from './sources/gguf/part-names.ts'
export type { StoredRows, StoredTensor, TensorSource } from './sources/tensor-source.ts'
export type { StoredType } from './sources/stored-types.ts'
export { widen } from './sources/widen.ts'
export { packTensors, type PackOptions, type PackProgress, type PackSink } from './packing/pack-tensors.ts'
export { attendedColumns, blockTensors, projectedRows, turningChannels } from './packing/block-tensors.ts'
export {
  isHeadNorm,
  packedBlock,
  packedTensors,
  packedUnit,
  rangeBytes,
  tensorAlignment,
  unitBytes,
  unitNames,
  unitOf,
  unitsOfRange,
  unitsOfShare,
  type PackedTensor,
} from './packing/packed-layout.ts'
export { cachedRows, type CachedRows } from './config/cached-rows.ts'
export { keyValueBytesPerPosition } from './packing/key-value-bytes.ts'
export { parseConfig } from './families/parse-config.ts'
export { blockBytesOf, type MatrixFormat, type WeightFormat } from './packing/matrix-format.ts'
export { profileOfBlocks } from './packing/profile-of-blocks.ts'
export {
  blockFormats,
  formatOf,
  formatProfile,
  formatWeights,
  ggufWeights,
  keyValueFormats,
  matrixKinds,
  parseProfile,
  profileOfKinds,
  uniformProfiles,
  usualWeights,
  type KeyValueFormat,
  type MatrixKind,
  type NumericProfile,
  type Rounding,
} from './packing/profile.ts'
export { memoryFiles, memoryReader, type ModelFiles, type RangeReader } from './sources/range-reader.ts'
export { createSampler, greedy, type Sampler } from './sampling/sampler.ts'
export { largestCandidates } from './sampling/largest-candidates.ts'
export { logprobs, topLogprobsMax, type TokenLogprob } from './sampling/logprobs.ts'
export { createStopFilter, type StopFilter } from './tokenizer/decoding/stop-filter.ts'
export { createTokenizer, type TokenizerOptions } from './tokenizer/tokenizer.ts'
export { createChoiceMatcher, type ChoiceMatcher } from './grammar/choice-matcher.ts'
export { idsOf, maskLogits, maskOf, type TokenMask } from './grammar/token-mask.ts'
export { createTokenIndex, type TokenIndex } from './grammar/token-index.ts'
export type { JsonObject } from './json-fields.ts'
export type { Grammar, GrammarTag, TaggedText } from './grammar/grammar-types.ts'
export type { SamplingOptions } from './sampling/sampling-types.ts'
export { createTokenDecoder } from './tokenizer/decoding/token-decoder.ts'
export type {
  ChatMessage,
  ChatOptions,
  ChatToolCall,
  DecoderParts,
  EncodeOptions,
  SynchronousTokenizer,
  TextStream,
  TokenDecoder,
  Tokenizer,
} from './tokenizer/tokenizer-types.ts'
