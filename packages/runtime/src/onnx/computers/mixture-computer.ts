import { freeMemory } from '@shoal/host'
import type { BlockSpec, IndexRange } from '@shoal/model'
import { dispatchRows, gatherRows, type Dispatch } from '../../experts/dispatch.ts'
import { combine, routeRows, type Routing } from '../../experts/routing.ts'
import { keyValueNames } from '../graph/attention.ts'
import {
  expertCountsInput,
  expertRowsInput,
  expertRowsOutput,
  expertsOf,
  normedOutput,
  routerOutput,
  sharedOutput,
} from '../graph/mixture-graph.ts'
import { hiddenOutput } from '../graph/span-graph.ts'
import { attentionFeeds } from './attention-feeds.ts'
import { tensors, type ComputeSession } from './inference-session.ts'
import type { KeyValueCache } from './key-value-cache.ts'
import type { Rotation } from './rotation.ts'
import type { RowPadding } from './row-padding.ts'
import { inCalls, type SpanComputer } from './span-computer.ts'

export interface MixtureSessions {
  /** Of `mixtureGraph`. */
  readonly everyRow: ComputeSession
  /** Of `expertsGraph`, with all experts. */
  readonly experts: ComputeSession
}

/**
 * Runs rows through one block with experts: attention and router, then each row through the experts that the router chose,
 * then their weighted sum in the order of the experts' numbers (rule R4 of docs/numerics.md).
 *
 * @param block index in the model
 */
export function createMixtureComputer(
  { everyRow, experts }: MixtureSessions,
  spec: BlockSpec,
  block: number,
  padding: RowPadding,
  rotation: Rotation,
): SpanComputer {
  const { hiddenSize } = spec
  const mixture = expertsOf(spec)
  const held: IndexRange = { start: 0, end: mixture.count }
  const { newKey, newValue } = keyValueNames(block)
  const outputs = [hiddenOutput, normedOutput, routerOutput, newKey, newValue]
  if (mixture.sharedSize !== null) outputs.push(sharedOutput)

  function call(cache: KeyValueCache, hidden: Float32Array): Float32Array<ArrayBuffer> {
    const rows = hidden.length / hiddenSize
    const results = everyRow.run(attentionFeeds(cache, rotation, padding, hidden, hiddenSize), outputs)
    cache.append(results, rows)
    const routing = routeRows(mixture, outputOf(results, routerOutput), rows)
    const dispatch = dispatchRows(routing, mixture.activeCount, held, padding)
    const normed = outputOf(results, normedOutput)
    const computed = runExperts(experts, dispatch, normed, hiddenSize)
    const shared = mixture.sharedSize === null ? null : outputOf(results, sharedOutput)
    const stream = outputOf(results, hiddenOutput).slice(0, hidden.length)
    addMixtures(stream, routing, dispatch, computed, shared, hiddenSize)
    freeMemory(computed.buffer)
    freeMemory(normed.buffer)
    return stream
  }
  return { forward: (cache, hidden) => inCalls(cache, hidden, hiddenSize, call) }
}

/** @returns float32 `[dispatched rows, hiddenSize]` */
function runExperts(
  session: ComputeSession,
  { rows, counts }: Dispatch,
  normed: Float32Array,
  hiddenSize: number,
): Float32Array<ArrayBuffer> {
  const feeds = {
    [expertRowsInput]: tensors.float32(gatherRows(normed, rows, hiddenSize), [rows.length, hiddenSize]),
    [expertCountsInput]: tensors.int64s(counts),
  }
  return outputOf(session.run(feeds, [expertRowsOutput]), expertRowsOutput)
}

/** Adds to each row of the residual stream, in one float32 addition, the output of its mixture. */
function addMixtures(
  stream: Float32Array,
  { weights, gates }: Routing,
  { places }: Dispatch,
  computed: Float32Array,
  shared: Float32Array | null,
  hiddenSize: number,
): void {
  const rows = stream.length / hiddenSize
  const active = weights.length / rows
  const rowOf = (values: Float32Array, row: number): Float32Array =>
    values.subarray(row * hiddenSize, (row + 1) * hiddenSize)
  for (let row = 0; row < rows; row += 1) {
    const slots = { start: row * active, end: (row + 1) * active }
    const mixed = combine(
      weights.subarray(slots.start, slots.end),
      Array.from(places.subarray(slots.start, slots.end), (place) => rowOf(computed, place)),
      shared === null ? null : { gate: gates?.[row] ?? 0, output: rowOf(shared, row) },
    )
    const own = rowOf(stream, row)
    for (let column = 0; column < hiddenSize; column += 1)
      own[column] = (own[column] as number) + (mixed[column] as number)
  }
}

function outputOf(
  results: Readonly<Record<string, Float32Array<ArrayBuffer>>>,
  name: string,
): Float32Array<ArrayBuffer> {
  const output = results[name]
  if (output === undefined) throw new Error(`the graph of a mixture returned no ${name}`)
  return output
}
