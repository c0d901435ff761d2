import {
  formatProfile,
  uniformProfiles,
  type BlockSpec,
  type HeadSpec,
  type KeyValueFormat,
  type NumericProfile,
} from '@shoal/model'
import { cachedNames } from '../graph/attention.ts'
import { createKeyValueCache, type KeyValueCache } from '../computers/key-value-cache.ts'
import type { WeightSource } from '../graph/linear.ts'
import { tensors, type ComputeSession, type GraphRuntime } from '../computers/compute-session.ts'
import { loadBlock, type LoadedBlock } from '../computers/loaded-block.ts'
import type { RowPadding } from '../computers/row-padding.ts'
import { createSpanComputer, type SpanComputer } from '../computers/span-computer.ts'
import { generatorVersion, hiddenInput, logitsOutput, noBlocks, spanGraph } from '../graph/span-graph.ts'
import { hiddenSizeOf, type Span } from '../../span.ts'
import { noNumericClass } from '../../probe/no-numeric-class.ts'
import { seededBytes, seededValues, seedOf } from '../../probe/seeded-values.ts'

/**
 * Keys before the probed rows. Flash attention works in blocks whose length depends on the CPU's second-level cache
 * (512 at head size 64 and 1 MiB): 300 stays in one, 1100 needs several.
 */
const pasts = [0, 300, 1100]

/** Hidden size of the probe: 33 blocks of 32, so that the last block of 64 or 128 is incomplete. */
const probeHiddenSize = 1056

/** Even numbers, which no padding changes; 66 exceeds one query block at head size 32. */
const rowCounts = [2, 66]

/**
 * The numeric class of this runtime on this machine for a model's format: peers of one class compute the same bits from the same bytes.
 *
 * It is a hash over the versions, the profile and the outputs of seeded blocks with the operators of the model's (head
 * size, biases, norms, window), which are the same on every machine. It depends neither on weights, nor on the blocks that
 * a peer holds, nor on its threads: with more than one, the outputs must equal those of one, else the class is
 * {@link noNumericClass}.
 *
 * @param blocks of the whole model
 */
export function fixedProbe(
  blocks: readonly BlockSpec[],
  profile: NumericProfile,
  runtime: GraphRuntime,
): string {
  const spans = probeSpans(blocks, profile.kv)
  const { threads, version } = runtime
  // Where each matrix has a format of its own, the kernels of all formats are probed; attention is the same in all.
  const outputsWith = (count: number): string =>
    uniformProfiles(profile)
      .flatMap((uniform, index) => {
        const probe: Probe = {
          profile: uniform,
          load: (model) => runtime.load(model, count),
          createHasher: () => runtime.createHasher(),
        }
        return [
          ...spans.map((span) => probeOutputs(span, probe, index === 0 ? pasts : [0])),
          probeHead(probe),
        ]
      })
      .join(' ')
  const outputs = outputsWith(1)
  if (threads > 1 && outputsWith(threads) !== outputs) return noNumericClass
  const parts = [version, generatorVersion, formatProfile(profile), profile.graphForm, outputs]
  const hash = runtime.createHasher()
  hash.update(new TextEncoder().encode(JSON.stringify(parts)))
  return hash.digest().slice(0, 32)
}

/** What the probe of one number of threads computes with. */
interface Probe {
  readonly profile: NumericProfile
  readonly load: (model: Uint8Array) => ComputeSession
  readonly createHasher: GraphRuntime['createHasher']
}

function probeOutputs(span: Span, { profile, load, createHasher }: Probe, behind: readonly number[]): string {
  const probed = loadProbe(span, profile, load)
  const hash = createHasher()
  for (const past of behind) {
    for (const rows of rowCounts)
      probeRows(probed.computer('even'), span, past, rows).forEach((values) => hash.update(words(values)))
  }
  probed.release()
  return hash.digest()
}

/** Two dense blocks are one graph, so that a norm has a branch to add; blocks with experts are graphs of their own, and one is enough. */
function loadProbe(
  span: Span,
  profile: NumericProfile,
  load: (model: Uint8Array) => ComputeSession,
): Pick<LoadedBlock, 'release'> & { computer(padding: RowPadding): SpanComputer } {
  if (span.blocks.length === 1)
    return loadBlock({ block: span, experts: null, profile, weights: seededWeights }, load)
  const session = load(spanGraph({ span, profile, head: null, weights: seededWeights }))
  return {
    computer: (padding) => createSpanComputer(session, span, padding),
    release: () => session.release(),
  }
}

/** The head's matrix may have another format than those of blocks. */
function probeHead({ profile, load, createHasher }: Probe): string {
  const head: HeadSpec = {
    hiddenSize: probeHiddenSize,
    vocabularySize: 172,
    tiedEmbeddings: false,
    norm: 'rms',
    normEpsilon: 1e-5,
    logitScale: 1,
    logitSoftCap: null,
  }
  const graph = spanGraph({ span: noBlocks, profile, head, weights: seededWeights })
  const session = load(graph)
  const hash = createHasher()
  for (const rows of rowCounts) {
    const hidden = seededValues(rows, rows * probeHiddenSize, 1)
    const input = tensors.float32(hidden, [rows, probeHiddenSize])
    const { [logitsOutput]: logits } = session.run({ [hiddenInput]: input }, [logitsOutput])
    if (logits === undefined) throw new Error(`the graph of the head returned no ${logitsOutput}`)
    hash.update(words(logits))
  }
  session.release()
  return hash.digest()
}

/** For each kind of block that the model has, one or two of that kind, in the order in which they first occur. */
function probeSpans(blocks: readonly BlockSpec[], kv: KeyValueFormat): Span[] {
  const kinds = new Map<string, BlockSpec>()
  for (const block of blocks) {
    const spec = probeSpec(block)
    const key = JSON.stringify(spec)
    if (!kinds.has(key)) kinds.set(key, spec)
  }
  return [...kinds.values()].map((spec) => {
    const blocks = spec.feedForward.kind === 'dense' ? [spec, spec] : [spec]
    return { range: { start: 0, end: blocks.length }, blocks, kv }
  })
}

/** Small, but with every kernel's remainders: 172 columns end inside a block of 32 and inside one of 128. */
function probeSpec(spec: BlockSpec): BlockSpec {
  return {
    ...spec,
    hiddenSize: probeHiddenSize,
    attention: { ...spec.attention, headCount: 4, keyValueHeadCount: probeKeyValueHeads(spec) },
    feedForward:
      spec.feedForward.kind === 'dense'
        ? { ...spec.feedForward, size: 172 }
        : // More rows than experts, so that some have many and some have one.
          {
            ...spec.feedForward,
            count: 12,
            activeCount: 2,
            size: 172,
            sharedSize: spec.feedForward.sharedSize && 172,
            ...(spec.feedForward.grouped && {
              grouped: { ...spec.feedForward.grouped, groups: 4, activeGroups: 2 },
            }),
          },
  }
}

/** Each head has keys and values of its own where they are made of shared vectors, and convolutions have as many of all three. */
function probeKeyValueHeads({ attention: { latent, convolution } }: BlockSpec): number {
  return latent === undefined && convolution === undefined ? 2 : 4
}

function probeRows(computer: SpanComputer, span: Span, past: number, rows: number): Float32Array[] {
  const cache = createKeyValueCache(span, past + rows)
  if (past > 0) fillPast(cache, span, past)
  const hidden = computer.forward(cache, seededValues(past + rows, rows * hiddenSizeOf(span), 1))
  return [hidden, cache.export()]
}

function fillPast(cache: KeyValueCache, span: Span, past: number): void {
  const fresh: Record<string, Float32Array> = {}
  for (const [index, { attention }] of span.blocks.entries()) {
    for (const { fresh: name, heads, size } of cachedNames(attention, span.range.start + index))
      fresh[name] = seededValues(seedOf(`${name}/${past}`), heads * past * size, 1)
  }
  cache.feeds(past)
  cache.append(fresh, past)
}

/** Matrices scaled so that activations keep their size; norms around one. */
const seededWeights: WeightSource = (name, type, shape) => {
  const count = shape.reduce((product, size) => product * size, 1)
  const seed = seedOf(name)
  if (type === 'u8') return { bytes: seededBytes(seed, count) }
  if (/\.(scale|offset)$/.test(name)) return { bytes: words(seededValues(seed, count, 0.005)) }
  if (name.endsWith('-norm'))
    return { bytes: words(seededValues(seed, count, 0.2).map((value) => 1 + value)) }
  return { bytes: words(seededValues(seed, count, 0.05)) }
}

function words(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
