import {
  attendedColumns,
  blockTensors,
  type BlockSpec,
  type DenseSpec,
  type ExpertsSpec,
  type IndexRange,
  type LatentSpec,
  type RankShare,
} from '@shoal/model'
import { tensorCut } from '../ranks/matrix-cuts.ts'
import type { FloatTensors } from '../tensors/tensor-reader.ts'
import type { BlockWeights, MixtureWeights, NetworkWeights } from './block.ts'
import type { LatentWeights } from './latent.ts'
import type { NormWeights } from './norms.ts'

/**
 * A block's tensor by its name in the unit, `[rows, columns]`; a vector has no columns.
 * @param where the number of the expert that it belongs to; `float` for a matrix that is float32 in every profile
 */
type ReadTensor = (
  name: string,
  rows: number,
  columns: number | null,
  where?: number | 'float',
) => Promise<Float32Array>

/** Reads a block's packed tensors (docs/packing.md) and widens them. */
export function readBlock(spec: BlockSpec, tensors: FloatTensors, block: number): Promise<BlockWeights> {
  return blockWeights(spec, reader(tensors, block))
}

/** As {@link readBlock}, a rank's share of a block. Whole tensors are read, and cut as floats. @param spec of the whole block */
export async function readShare(
  spec: BlockSpec,
  tensors: FloatTensors,
  block: number,
  share: RankShare,
): Promise<BlockWeights> {
  const read = reader(tensors, block)
  // Experts are units of their own, and all else is whole.
  if (share.experts !== null) return blockWeights(spec, read, share.experts)
  const weights = await blockWeights(spec, async (name, rows, columns, where) => {
    const whole = await read(name, rows, columns, where)
    const cut = tensorCut(spec, share, `block-${block}.${name.replace(/\.weight$/, '')}`)
    const width = columns ?? 1
    const { start, end } = cut.columns ?? { start: 0, end: width }
    const parts = cut.rows.flatMap((range) =>
      Array.from({ length: range.end - range.start }, (_, index) =>
        whole.subarray((range.start + index) * width + start, (range.start + index) * width + end),
      ),
    )
    const values = new Float32Array(parts.length * (end - start))
    parts.forEach((part, index) => values.set(part, index * (end - start)))
    return values
  })
  // As `shareSpec` says: these are added to the sum once.
  if (share.rank === 0) return weights
  const { feedForward } = weights
  return {
    ...weights,
    outputBias: null,
    feedForward: 'router' in feedForward ? feedForward : { ...feedForward, downBias: null },
  }
}

function reader(tensors: FloatTensors, block: number): ReadTensor {
  return (name, rows, columns, where) => {
    const unit = typeof where === 'number' ? `block-${block}-expert-${where}` : `block-${block}`
    if (columns === null) return tensors.floats(`${unit}.${name}`, [rows])
    if (where === 'float') return tensors.floats(`${unit}.${name}`, [rows, columns])
    return tensors.rows(`${unit}.${name}`, { rows, columns }, 0, rows)
  }
}

/** @param experts those to read, of a block that has some; null for all */
async function blockWeights(
  spec: BlockSpec,
  read: ReadTensor,
  experts: IndexRange | null = null,
): Promise<BlockWeights> {
  const { hiddenSize, attention, feedForward } = spec
  const tensors = new Map(
    blockTensors(spec).map(({ name, parts }) => [name as string, parts.reduce((sum, rows) => sum + rows, 0)]),
  )
  const vector = async (name: string): Promise<Float32Array | null> => {
    const length = tensors.get(name)
    return length === undefined ? null : read(name, length, null)
  }
  const norm = async (name: string): Promise<NormWeights | null> => {
    const weight = await vector(name)
    return weight === null ? null : { weight, bias: await vector(`${name}.bias`) }
  }
  return {
    attentionNorm: await norm('attention-norm'),
    attentionPostNorm: await norm('attention-post-norm'),
    qkv:
      attention.latent === undefined
        ? await read('qkv', tensors.get('qkv.weight') ?? 0, hiddenSize)
        : new Float32Array(),
    latent: attention.latent === undefined ? null : await latentWeights(spec, attention.latent, read),
    qkvBias: await vector('qkv.bias'),
    queryNorm: await vector('query-norm'),
    keyNorm: await vector('key-norm'),
    sinks: await vector('sinks'),
    convolution:
      attention.convolution === undefined
        ? null
        : await read(
            'convolution.weight',
            attention.headCount * attention.headSize,
            attention.convolution.taps,
            'float',
          ),
    output: await read('output', hiddenSize, attendedColumns(attention)),
    outputBias: await vector('output.bias'),
    feedForwardNorm: await norm('feed-forward-norm'),
    feedForwardPostNorm: await norm('feed-forward-post-norm'),
    feedForward:
      feedForward.kind === 'dense'
        ? await denseWeights(hiddenSize, feedForward, read)
        : await mixtureWeights(
            hiddenSize,
            feedForward,
            experts ?? { start: 0, end: feedForward.count },
            read,
          ),
  }
}

async function latentWeights(
  spec: BlockSpec,
  { querySize, keyValueSize }: LatentSpec,
  read: ReadTensor,
): Promise<LatentWeights> {
  const rows = new Map(
    blockTensors(spec).map(({ name, parts }) => [name as string, parts.reduce((sum, part) => sum + part, 0)]),
  )
  const matrix = (name: string, columns: number): Promise<Float32Array> =>
    read(name, rows.get(`${name}.weight`) ?? 0, columns)
  return {
    queryDown:
      querySize === null
        ? null
        : {
            matrix: await matrix('query-down', spec.hiddenSize),
            norm: await read('query-down-norm', querySize, null),
          },
    queryUp: await (querySize === null ? matrix('query', spec.hiddenSize) : matrix('query-up', querySize)),
    keyValueDown: await matrix('key-value-down', spec.hiddenSize),
    keyValueNorm: await read('key-value-down-norm', keyValueSize, null),
    keyValueUp: await matrix('key-value-up', keyValueSize),
  }
}

async function denseWeights(
  hiddenSize: number,
  { size, gated, bias, outputBias }: DenseSpec,
  read: ReadTensor,
): Promise<NetworkWeights> {
  const wide = gated ? 'gate-up' : 'up'
  const rows = (gated ? 2 : 1) * size
  return {
    gateUp: await read(wide, rows, hiddenSize),
    gateUpBias: bias ? await read(`${wide}.bias`, rows, null) : null,
    down: await read('down', hiddenSize, size),
    downBias: outputBias ? await read('down.bias', hiddenSize, null) : null,
  }
}

async function mixtureWeights(
  hiddenSize: number,
  { count, size, sharedSize, sharedUngated, biased, grouped }: ExpertsSpec,
  held: IndexRange,
  read: ReadTensor,
): Promise<MixtureWeights> {
  const experts = new Map<number, NetworkWeights>()
  for (let expert = held.start; expert < held.end; expert += 1)
    experts.set(
      expert,
      await networkWeights(hiddenSize, size, biased === true, (name, rows, columns) =>
        read(name, rows, columns, expert),
      ),
    )
  return {
    router: await read(
      'router.weight',
      sharedSize === null || sharedUngated === true ? count : count + 1,
      hiddenSize,
      'float',
    ),
    routerCorrection: grouped?.corrected === true ? await read('router.correction', count, null) : null,
    routerBias: biased === true ? await read('router.bias', count, null) : null,
    experts,
    shared:
      sharedSize === null
        ? null
        : await networkWeights(hiddenSize, sharedSize, false, (name, rows, columns) =>
            read(`shared-${name}`, rows, columns),
          ),
  }
}

async function networkWeights(
  hiddenSize: number,
  size: number,
  biased: boolean,
  read: (name: string, rows: number, columns: number | null) => Promise<Float32Array>,
): Promise<NetworkWeights> {
  return {
    gateUp: await read('gate-up', 2 * size, hiddenSize),
    gateUpBias: biased ? await read('gate-up.bias', 2 * size, null) : null,
    down: await read('down', hiddenSize, size),
    downBias: biased ? await read('down.bias', hiddenSize, null) : null,
  }
}
