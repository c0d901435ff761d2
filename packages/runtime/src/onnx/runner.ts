import { ShoalError } from '@shoal/host'
import type { BlockRange, ModelConfig } from '@shoal/model'
import type { BlockRunner, HeadRunner } from '../block-runner.ts'
import { decorateRunner } from '../devices/decorate.ts'
import { checkRows, type SessionBook } from '../session-book.ts'
import type { SpanId } from './thread/compute-calls.ts'
import type { ComputeWorker } from './thread/compute-worker.ts'
import type { Mailbox } from './thread/mailbox.ts'

interface RunnerParts {
  readonly worker: ComputeWorker
  readonly span: SpanId
  readonly range: BlockRange
  readonly config: ModelConfig
  readonly book: SessionBook
}

/** A loaded span, seen from the caller's thread: rules are checked here, at once; arithmetic is queued at the worker. */
export function createOnnxRunner({ worker, span, range, config, book }: RunnerParts): BlockRunner {
  return {
    range,
    hiddenSize: config.hiddenSize,
    async open(session, tokenBudget, part = range) {
      book.open(session, tokenBudget, part)
      try {
        await worker.call('open-session', { span, session, tokenBudget, part })
      } catch (error) {
        book.close(session)
        throw error
      }
    },
    async forward(session, position, hidden) {
      const accepted = book.accept(session, position, hidden.length)
      try {
        const result = await worker.call('forward', { span, session, position, hidden: hidden.slice() })
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
      await worker.call('truncate-session', { span, session, length })
    },
    async close(session) {
      if (book.close(session)) await worker.call('close-session', { span, session })
    },
    async exportKeyValues(session, window = {}) {
      book.length(session)
      const { keyValues } = await worker.call('export-session', { span, session, window })
      return keyValues
    },
    async importKeyValues(session, position, keyValues) {
      const accepted = book.acceptKeyValues(session, position, keyValues.length)
      try {
        const { keyValueBytes } = await worker.call('import-session', {
          span,
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
      if (!worker.stopped) await worker.call('release-blocks', { span })
    },
  }
}

/** A rank's runner: what its calls fail of is known on this side of the mailbox. */
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

export function createOnnxHead(worker: ComputeWorker, span: SpanId, config: ModelConfig): HeadRunner {
  return {
    async logits(hidden, into) {
      const values = checkRows(hidden.length, config.hiddenSize) * config.vocabularySize
      if (into !== undefined && into.length < values)
        throw new ShoalError('bad-request', `${values} logits do not fit into ${into.length} values`)
      const { logits } = await worker.call('logits', { span, hidden: hidden.slice(), into: into ?? null })
      // One of the two is there: the worker writes into what it was given.
      return logits ?? (into as Float32Array).subarray(0, values)
    },
    async release() {
      if (!worker.stopped) await worker.call('release-head', { span })
    },
  }
}
