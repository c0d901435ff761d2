import { freeMemory, ShoalError } from '@shoal/host'
import { createHeadComputer, type HeadComputer } from '../computers/head-computer.ts'
import type { RowPadding } from '../computers/row-padding.ts'
import type { CallArguments, CallResult, SpanId } from '../host/compute-calls.ts'
import type { GraphLoader } from './graph-loader.ts'
import { shareHead } from './requests/shared-calls.ts'

type Logits = CallArguments<'logits'>

/** The heads that are loaded. */
export interface LoadedHeads {
  load(request: CallArguments<'load-head'>): { padding: RowPadding | null }
  /** @returns the logits of the first requests, at least one, which are computed in one call. All requests are of one head. */
  logits(requests: readonly Logits[]): readonly CallResult<'logits'>[]
  release(span: SpanId): void
  releaseAll(): void
}

export function createLoadedHeads(loader: GraphLoader, hiddenSize: number): LoadedHeads {
  const heads = new Map<SpanId, HeadComputer>()
  const release = (span: SpanId): void => {
    heads.get(span)?.release()
    heads.delete(span)
  }
  return {
    load({ span, vocabulary }) {
      const { session, head: spec } = loader.loadHead(vocabulary)
      const head = createHeadComputer(session, spec)
      heads.set(span, head)
      return { padding: head.padding }
    },
    logits(waiting) {
      const requests = waiting.slice(0, shareHead(waiting.map(({ hidden }) => hidden.length / hiddenSize)))
      const [first] = requests
      const head = first === undefined ? undefined : heads.get(first.span)
      if (first === undefined || head === undefined)
        throw new ShoalError('not-ready', 'this runner has been released')
      if (requests.length === 1) return [answerOf(first, head.logits(first.hidden))]
      const values = requests.reduce((sum, { hidden }) => sum + hidden.length, 0)
      const all = new Float32Array(values)
      let at = 0
      for (const { hidden } of requests) {
        all.set(hidden, at)
        at += hidden.length
      }
      const logits = head.logits(all)
      const perValue = logits.length / values
      let from = 0
      const answers = requests.map(({ hidden, into }): CallResult<'logits'> => {
        const own = logits.subarray(from, (from += hidden.length * perValue))
        if (into === null) return { logits: own.slice() }
        into.set(own)
        return { logits: null }
      })
      freeMemory(logits.buffer)
      return answers
    },
    release,
    releaseAll() {
      for (const span of heads.keys()) release(span)
    },
  }
}

function answerOf({ into }: Logits, logits: Float32Array<ArrayBuffer>): CallResult<'logits'> {
  if (into === null) return { logits }
  into.set(logits)
  freeMemory(logits.buffer)
  return { logits: null }
}
