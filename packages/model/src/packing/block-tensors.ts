import type {
  AttentionSpec,
  BlockSpec,
  DenseSpec,
  FeedForwardSpec,
  LatentSpec,
} from '../config/block-spec.ts'

export type BlockTensorName =
  | 'attention-norm'
  | 'attention-norm.bias'
  | 'qkv.weight'
  | LatentTensorName
  | 'qkv.bias'
  | 'query-norm'
  | 'key-norm'
  | 'sinks'
  | 'convolution.weight'
  | 'output.weight'
  | 'output.bias'
  | 'attention-post-norm'
  | 'feed-forward-norm'
  | 'feed-forward-norm.bias'
  | 'router.weight'
  | 'router.bias'
  | 'router.correction'
  | 'shared-gate-up.weight'
  | 'shared-down.weight'
  | ExpertTensorName
  | 'up.weight'
  | 'up.bias'
  | 'feed-forward-post-norm'

/** What latent attention has in place of `qkv`. */
export type LatentTensorName =
  | 'query.weight'
  | 'query-down.weight'
  | 'query-down-norm'
  | 'query-up.weight'
  | 'key-value-down.weight'
  | 'key-value-down-norm'
  | 'key-value-up.weight'

/** The tensors of a gated network: that of a dense block, or one expert. */
export type ExpertTensorName = 'gate-up.weight' | 'gate-up.bias' | 'down.weight' | 'down.bias'

/** A tensor of a block before it is packed. */
export interface BlockTensor {
  readonly name: BlockTensorName
  /** Rows of each part, stacked in this order; the length, for a vector. */
  readonly parts: readonly number[]
  /** Columns of a matrix; null for a vector. */
  readonly columns: number | null
  /** A matrix that stays float32 in every profile: its bits decide which experts compute a row, or its rows are short. */
  readonly float?: true
}

/**
 * The tensors of one block, in file order (the table of docs/packing.md); those of its experts are {@link expertTensors}.
 * They follow from the block's spec alone, so they are also those of a rank's share of a block.
 */
export function blockTensors(spec: BlockSpec): BlockTensor[] {
  const { hiddenSize, normPlaces } = spec
  const norm = (name: 'attention-norm' | 'feed-forward-norm'): BlockTensor[] => [
    vector(name, hiddenSize),
    ...optional(spec.norm === 'biased-layer', vector(`${name}.bias`, hiddenSize)),
  ]
  const postNorm = (name: 'attention-post-norm' | 'feed-forward-post-norm'): readonly BlockTensor[] =>
    optional(normPlaces === 'after' || normPlaces === 'around', vector(name, hiddenSize))
  return [
    ...(normPlaces === 'after' ? [] : norm('attention-norm')),
    ...attentionTensors(spec.attention, hiddenSize),
    ...postNorm('attention-post-norm'),
    ...(normPlaces === 'after' || normPlaces === 'shared' ? [] : norm('feed-forward-norm')),
    ...feedForwardTensors(spec.feedForward, hiddenSize),
    ...postNorm('feed-forward-post-norm'),
  ]
}

/** Rows of q, k and v in the matrix of a block or of a rank's share of one. */
export function projectedRows({
  headCount,
  keyValueHeadCount,
  headSize,
  projected,
}: Pick<AttentionSpec, 'headCount' | 'keyValueHeadCount' | 'headSize' | 'projected'>): [
  query: number,
  key: number,
  value: number,
] {
  return [
    (projected?.headCount ?? headCount) * headSize,
    (projected?.keyValueHeadCount ?? keyValueHeadCount) * headSize,
    keyValueHeadCount * headSize,
  ]
}

/** Columns of what attention makes of a row, as the projection back to the residual stream takes them. */
export function attendedColumns({
  headCount,
  headSize,
  latent,
}: Pick<AttentionSpec, 'headCount' | 'headSize' | 'latent'>): number {
  return headCount * (latent?.valueSize ?? headSize)
}

/** Channels of a head that turn. */
export function turningChannels({ rope, headSize }: Pick<AttentionSpec, 'rope' | 'headSize'>): number {
  return rope === null ? 0 : (rope.dimensions ?? headSize)
}

function latentTensors(
  attention: AttentionSpec,
  { querySize, keyValueSize, valueSize }: LatentSpec,
  hiddenSize: number,
): BlockTensor[] {
  const { headCount, headSize } = attention
  const turning = turningChannels(attention)
  const queryRows = headCount * headSize
  const queries =
    querySize === null
      ? [matrix('query.weight', [queryRows], hiddenSize)]
      : [
          matrix('query-down.weight', [querySize], hiddenSize),
          vector('query-down-norm', querySize),
          matrix('query-up.weight', [queryRows], querySize),
        ]
  return [
    ...queries,
    matrix('key-value-down.weight', [keyValueSize + turning], hiddenSize),
    vector('key-value-down-norm', keyValueSize),
    matrix('key-value-up.weight', [headCount * (headSize - turning + valueSize)], keyValueSize),
  ]
}

function attentionTensors(attention: AttentionSpec, hiddenSize: number): BlockTensor[] {
  const { headCount, queryKeyNorm, latent, convolution } = attention
  const qkv = projectedRows(attention)
  const [queryRows, keyRows] = qkv
  const { headSize } = attention
  const norms = {
    head: [headSize, headSize],
    'rotated-head': [headSize, headSize],
    'layer-of-head': [queryRows, keyRows],
    'all-heads': [queryRows, keyRows],
  } as const
  const [queryNorm, keyNorm] = norms[queryKeyNorm ?? 'head']
  return [
    ...(latent === undefined
      ? [matrix('qkv.weight', qkv, hiddenSize)]
      : latentTensors(attention, latent, hiddenSize)),
    ...optional(attention.bias, vector('qkv.bias', ...qkv)),
    ...optional(queryKeyNorm !== null, vector('query-norm', queryNorm), vector('key-norm', keyNorm)),
    ...optional(attention.sinks === true, vector('sinks', headCount)),
    ...(convolution === undefined
      ? []
      : [
          { ...matrix('convolution.weight', [headCount * headSize], convolution.taps), float: true as const },
        ]),
    matrix('output.weight', [hiddenSize], attendedColumns(attention)),
    ...optional(attention.outputBias, vector('output.bias', hiddenSize)),
  ]
}

function feedForwardTensors(feedForward: FeedForwardSpec, hiddenSize: number): BlockTensor[] {
  if (feedForward.kind === 'dense') return denseTensors(feedForward, hiddenSize)
  const { count, sharedSize, biased = false, sharedUngated = false, grouped } = feedForward
  return [
    // The gate of the expert that computes every row is one more row of the router.
    {
      ...matrix('router.weight', sharedSize === null || sharedUngated ? [count] : [count, 1], hiddenSize),
      float: true,
    },
    ...optional(biased, vector('router.bias', count)),
    ...optional(grouped?.corrected === true, vector('router.correction', count)),
    ...(sharedSize === null ? [] : networkTensors(hiddenSize, sharedSize, 'shared-')),
  ]
}

/** The tensors of one expert of a block, in file order; none for a dense block. */
export function expertTensors({ hiddenSize, feedForward }: BlockSpec): BlockTensor[] {
  if (feedForward.kind === 'dense') return []
  const { size, biased = false } = feedForward
  const [gateUp, down] = networkTensors(hiddenSize, size)
  return [
    gateUp,
    ...optional(biased, vector('gate-up.bias', size, size)),
    down,
    ...optional(biased, vector('down.bias', hiddenSize)),
  ]
}

function networkTensors(
  hiddenSize: number,
  size: number,
  prefix: '' | 'shared-' = '',
): [gateUp: BlockTensor, down: BlockTensor] {
  return [
    matrix(`${prefix}gate-up.weight`, [size, size], hiddenSize),
    matrix(`${prefix}down.weight`, [hiddenSize], size),
  ]
}

function denseTensors({ size, gated, bias, outputBias }: DenseSpec, hiddenSize: number): BlockTensor[] {
  const rows = gated ? [size, size] : [size]
  return [
    matrix(gated ? 'gate-up.weight' : 'up.weight', rows, hiddenSize),
    ...optional(bias, vector(gated ? 'gate-up.bias' : 'up.bias', ...rows)),
    matrix('down.weight', [hiddenSize], size),
    ...optional(outputBias, vector('down.bias', hiddenSize)),
  ]
}

function vector(name: BlockTensorName, ...parts: readonly number[]): BlockTensor {
  return { name, parts, columns: null }
}

function matrix(name: BlockTensorName, parts: readonly number[], columns: number): BlockTensor {
  return { name, parts, columns }
}

function optional(isThere: boolean, ...tensors: readonly BlockTensor[]): readonly BlockTensor[] {
  return isThere ? tensors : []
}
