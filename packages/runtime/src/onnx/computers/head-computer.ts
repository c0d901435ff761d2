import { freeMemory } from '@shoal/host'
import type { HeadSpec } from '@shoal/model'
import { limits } from '../../limits.ts'
import { softCapped } from '../../tensors/soft-cap.ts'
import { selfProbeHead } from './self-probe.ts'
import { padRows, paddedRows, type RowPadding } from './row-padding.ts'
import { tensors, type ComputeSession } from './compute-session.ts'
import { hiddenInput, logitsOutput } from '../graph/span-graph.ts'

/** Final norm and vocabulary projection of one loaded graph. */
export interface HeadComputer {
  /** @param hidden float32 `[rows, hiddenSize]` @returns float32 `[rows, vocabularySize]` */
  logits(hidden: Float32Array): Float32Array<ArrayBuffer>
  /** Null when no padding makes rows independent of how they are grouped. */
  readonly padding: RowPadding | null
  release(): void
}

export function createHeadComputer(
  session: ComputeSession,
  { hiddenSize, vocabularySize, logitSoftCap }: HeadSpec,
): HeadComputer {
  const call = (hidden: Float32Array, padding: RowPadding): Float32Array<ArrayBuffer> => {
    const rows = hidden.length / hiddenSize
    const computed = paddedRows(padding, rows)
    const input = tensors.float32(padRows(padding, hidden, rows), [computed, hiddenSize])
    const logits = session.run({ [hiddenInput]: input }, [logitsOutput])[logitsOutput]
    if (logits === undefined) throw new Error(`the graph of the head returned no ${logitsOutput}`)
    softCapped(logits, logitSoftCap)
    if (computed === rows) return logits
    const wanted = logits.slice(0, rows * vocabularySize)
    freeMemory(logits.buffer)
    return wanted
  }
  const padding = selfProbeHead(call, hiddenSize)
  return {
    padding,
    logits(hidden) {
      const callValues = limits.headRowsPerCallMax * hiddenSize
      if (hidden.length <= callValues) return call(hidden, padding ?? 'even')
      const whole = new Float32Array((hidden.length / hiddenSize) * vocabularySize)
      for (let row = 0; row * hiddenSize < hidden.length; row += limits.headRowsPerCallMax) {
        const at = row * hiddenSize
        whole.set(call(hidden.subarray(at, at + callValues), padding ?? 'even'), row * vocabularySize)
      }
      return whole
    },
    release: () => session.release(),
  }
}
