import { freeMemory } from '@shoal/host'
import type { BlockSpec, IndexRange } from '@shoal/model'
import { dispatchRows, gatherRows } from '../../experts/dispatch.ts'
import { combine, routeRows, type Routing } from '../../experts/routing.ts'
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
import type { BlockAttention, RowsOfSession } from './block-attention.ts'
import { attendRows } from './block-computer.ts'
import { tensors, type ComputeSession } from './compute-session.ts'
import type { RowPadding } from './row-padding.ts'

export interface MixtureSessions {
  /** Session of `projectionGraph`. */
  readonly projection: ComputeSession
  /** Session of `mixtureGraph`. */
  readonly everyRow: ComputeSession
  /** Session of `expertsGraph`. */
  readonly experts: ComputeSession
  /** The experts of that graph. */
  readonly held: IndexRange
}

/** Rows of one call on their way through a block with experts. */
export interface RoutedRows {
  readonly routing: Routing
  /** The residual stream behind attention, float32 `[rows, hiddenSize]`. */
  readonly stream: Float32Array<ArrayBuffer>
  /**
   * By row and chosen expert, what that expert makes of the row, float32 `[rows · activeCount, hiddenSize]`: zeros where
   * the expert is not held.
   */
  readonly outputs: Float32Array<ArrayBuffer>
  /** What the shared expert makes of each row; null without one. */
  readonly shared: Float32Array | null
}

/** The two halves of a block with experts; between them, ranks that share the experts add up their outputs. */
export interface MixtureComputer {
  /** Attention, router, and the held experts. The caches grow by the rows. @param hidden float32 `[rows, hiddenSize]` */
  route(parts: readonly RowsOfSession[], hidden: Float32Array): RoutedRows
  /** Adds the experts' outputs to the residual stream, which it returns. */
  mix(rows: RoutedRows): Float32Array<ArrayBuffer>
}

export function createMixtureComputer(
  { projection, everyRow, experts, held }: MixtureSessions,
  attention: BlockAttention,
  spec: BlockSpec,
  padding: RowPadding,
): MixtureComputer {
  const { hiddenSize } = spec
  const mixture = expertsOf(spec)
  const names = [hiddenOutput, normedOutput, routerOutput]
  if (mixture.sharedSize !== null) names.push(sharedOutput)

  /** What the held experts make of the rows that the router sends to them. */
  const outputsOf = (routing: Routing, normed: Float32Array): Float32Array<ArrayBuffer> => {
    const { rows, counts, places } = dispatchRows(routing, mixture.activeCount, held, padding)
    const outputs = new Float32Array(places.length * hiddenSize)
    if (rows.length === 0) return outputs
    const feeds = {
      [expertRowsInput]: tensors.float32(gatherRows(normed, rows, hiddenSize), [rows.length, hiddenSize]),
      [expertCountsInput]: tensors.int64s(counts),
    }
    const computed = outputOf(experts.run(feeds, [expertRowsOutput]), expertRowsOutput)
    places.forEach((place, slot) => {
      if (place >= 0) outputs.set(rowOf(computed, place, hiddenSize), slot * hiddenSize)
    })
    freeMemory(computed.buffer)
    return outputs
  }

  return {
    route(parts, hidden) {
      const { feeds, rows, free } = attendRows(projection, attention, padding, parts, hidden)
      const results = everyRow.run(feeds, names)
      free()
      const routing = routeRows(mixture, outputOf(results, routerOutput), rows)
      const normed = outputOf(results, normedOutput)
      const outputs = outputsOf(routing, normed)
      freeMemory(normed.buffer)
      return {
        routing,
        stream: outputOf(results, hiddenOutput).slice(0, hidden.length),
        outputs,
        shared: mixture.sharedSize === null ? null : outputOf(results, sharedOutput),
      }
    },
    mix: (rows) => mixed(rows, hiddenSize),
  }
}

/** Adds to each row of the residual stream, in one float32 addition, the output of its mixture. */
function mixed(
  { routing, stream, outputs, shared }: RoutedRows,
  hiddenSize: number,
): Float32Array<ArrayBuffer> {
  const { weights, gates } = routing
  const rows = stream.length / hiddenSize
  const active = weights.length / rows
  for (let row = 0; row < rows; row += 1) {
    const slots = Array.from({ length: active }, (_, place) => row * active + place)
    const output = combine(
      weights.subarray(row * active, (row + 1) * active),
      slots.map((slot) => rowOf(outputs, slot, hiddenSize)),
      shared === null ? null : { gate: gates?.[row] ?? 0, output: rowOf(shared, row, hiddenSize) },
    )
    const own = rowOf(stream, row, hiddenSize)
    for (let column = 0; column < hiddenSize; column += 1)
      own[column] = (own[column] as number) + (output[column] as number)
  }
  return stream
}

function rowOf(values: Float32Array, row: number, width: number): Float32Array {
  return values.subarray(row * width, (row + 1) * width)
}

function outputOf(
  results: Readonly<Record<string, Float32Array<ArrayBuffer>>>,
  name: string,
): Float32Array<ArrayBuffer> {
  const output = results[name]
  if (output === undefined) throw new Error(`the graph of a mixture returned no ${name}`)
  return output
}
