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
      book.truncate(session, length)
      await client.call('truncate-session', { span: id, session, length })
    },
    async close(session) {
      if (book.close(session)) await client.call('close-session', { span: id, session })
    },
    async exportKeyValues(session, window = {}) {
      book.length(session)
      const { keyValues } = await client.call('export-session', { span: id, session, window })
      return keyValues
    },
    async importKeyValues(session, position, keyValues) {
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
      if (!client.stopped) await client.call('release-blocks', { span: id })
    },
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

export function createOnnxHead(
  client: ComputeClient,
  id: SpanId,
  { hiddenSize, vocabularySize }: Pick<ModelConfig, 'hiddenSize' | 'vocabularySize'>,
): HeadRunner {
  return {
    async logits(hidden, into) {
      const values = checkRows(hidden.length, hiddenSize) * vocabularySize
      if (into !== undefined && into.length < values)
        throw new ShoalError('bad-request', `${values} logits do not fit into ${into.length} values`)
      // An engine that shares memory writes the logits where they belong, and its result has none.
      const shared = client.sharesMemory ? (into ?? null) : null
      const { logits } = await client.call('logits', { span: id, hidden: hidden.slice(), into: shared })
      if (into === undefined) return logits as Float32Array
      if (logits !== null) into.set(logits)
      return into.subarray(0, values)
    },
    async release() {
      if (!client.stopped) await client.call('release-head', { span: id })
    },
  }
}
