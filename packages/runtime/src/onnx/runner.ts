import { ShoalError } from '@shoal/host'
import type { ModelConfig } from '@shoal/model'
import type { BlockRunner, HeadRunner } from '../block-runner.ts'
import { decorateRunner } from '../devices/decorate.ts'
import type { SessionBook } from '../sessions/session-book.ts'
import { checkRows } from '../sessions/session-rules.ts'
import { hiddenSizeOf, type Span } from '../span.ts'
import type { SpanId } from './host/compute-calls.ts'
import type { ComputeClient } from './host/compute-client.ts'
import type { Mailbox } from './host/mailbox.ts'

interface RunnerParts {
  readonly client: ComputeClient
  /** Names the span in calls. */
  readonly id: SpanId
  readonly span: Span
  readonly book: SessionBook
}

/** The device's side of a loaded span: rules about sessions are checked here at once, arithmetic is queued at the host. */
export function createOnnxRunner({ client, id, span, book }: RunnerParts): BlockRunner {
  return {
    range: span.range,
    hiddenSize: hiddenSizeOf(span),
    async open(session, tokenBudget, part = span.range) {
      book.open(session, tokenBudget, part)
      try {
        await client.call('open-session', { span: id, session, tokenBudget, part })
      } catch (error) {
        book.close(session)
        throw error
      }
    },
    async forward(session, position, hidden) {
      // Checked before the rules of sessions: calls that failed with the host have left the session at another
      // position.
      client.ended.throwIfAborted()
      const accepted = book.accept(session, position, hidden.length)
      try {
        const result = await client.call('forward', { span: id, session, position, hidden: hidden.slice() })
        accepted.succeed(result.keyValueBytes)
        return result.hidden
      } catch (error) {
        accepted.fail()
        throw error
      }
    },
    length: (session) => book.length(session),
    async truncate(session, length) {
      client.ended.throwIfAborted()
      book.truncate(session, length)
      await client.call('truncate-session', { span: id, session, length })
    },
    lost: client.ended,
    async close(session) {
      if (book.close(session) && !client.ended.aborted)
        await unlessEnded(client, client.call('close-session', { span: id, session }))
    },
    async exportKeyValues(session, window = {}) {
      book.length(session)
      const { keyValues } = await client.call('export-session', { span: id, session, window })
      return keyValues
    },
    async importKeyValues(session, position, keyValues) {
      client.ended.throwIfAborted()
      const accepted = book.acceptKeyValues(session, position, keyValues.length)
      try {
        const { keyValueBytes } = await client.call('import-session', {
          span: id,
          session,
          position,
          keyValues: keyValues.slice(),
        })
        accepted.succeed(keyValueBytes)
      } catch (error) {
        accepted.fail()
        throw error
      }
    },
    memory: () => book.memory(),
    async release() {
      book.release()
      if (client.stopped || client.ended.aborted) return
      await unlessEnded(client, client.call('release-blocks', { span: id }))
    },
  }
}

/** Waits for memory to be freed. A failure is ignored when the host has ended, which frees everything. */
async function unlessEnded(client: ComputeClient, freeing: Promise<null>): Promise<void> {
  try {
    await freeing
  } catch (error) {
    if (!client.ended.aborted) throw error
  }
}

/** A rank's runner. When an exchange of sums fails, the reason is known on this side of the mailbox only. */
export function createRankRunner(runner: BlockRunner, mailbox: Mailbox): BlockRunner {
  return decorateRunner(runner, {
    async forward(session, position, hidden) {
      try {
        return await runner.forward(session, position, hidden)
      } catch (error) {
        throw mailbox.takeFailure() ?? error
      }
    },
    async release() {
      mailbox.close()
      await runner.release()
    },
  })
}

/** A head that is loaded, and the host that holds it. */
export interface LoadedHead {
  readonly client: ComputeClient
  readonly id: SpanId
}

/**
 * The device's side of a loaded head. It has no state, so when its host ends it is loaded again in the next one, and a call
 * that was under way is repeated: an answer goes on with the same logits.
 */
export async function createOnnxHead(
  load: () => Promise<LoadedHead>,
  { hiddenSize, vocabularySize }: Pick<ModelConfig, 'hiddenSize' | 'vocabularySize'>,
): Promise<HeadRunner> {
  let loaded = await load()
  let reloading: Promise<LoadedHead> | null = null
  const intact = async (): Promise<LoadedHead> => {
    if (!loaded.client.ended.aborted || loaded.client.stopped) return loaded
    reloading ??= load().finally(() => (reloading = null))
    return (loaded = await reloading)
  }
  const compute = async (
    hidden: Float32Array,
    into: Float32Array<SharedArrayBuffer> | undefined,
    mayRepeat: boolean,
  ): Promise<Float32Array | null> => {
    const { client, id } = await intact()
    // An engine that shares memory writes the logits where they belong, and its result has none.
    const shared = client.sharesMemory ? (into ?? null) : null
    try {
      return (await client.call('logits', { span: id, hidden: hidden.slice(), into: shared })).logits
    } catch (error) {
      if (!client.ended.aborted || client.stopped || !mayRepeat) throw error
      // The call is repeated only once: rows that crash every host must not be tried for ever.
      return compute(hidden, into, false)
    }
  }
  return {
    async logits(hidden, into) {
      const values = checkRows(hidden.length, hiddenSize) * vocabularySize
      if (into !== undefined && into.length < values)
        throw new ShoalError('bad-request', `${values} logits do not fit into ${into.length} values`)
      const logits = await compute(hidden, into, true)
      if (into === undefined) return logits as Float32Array
      if (logits !== null) into.set(logits)
      return into.subarray(0, values)
    },
    async release() {
      const { client, id } = loaded
      if (!client.stopped && !client.ended.aborted) await client.call('release-head', { span: id })
    },
  }
}
