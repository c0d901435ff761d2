import { createSerialQueue, ShoalError } from '@shoal/host'
import type { KeyValueFormat } from '@shoal/model'
import type { BlockRunner } from '../block-runner.ts'
import { keyValueBytesOf } from '../costs/key-value-size.ts'
import { resolveWindow } from '../sessions/key-value-window.ts'
import { hiddenSizeOf, partOf } from '../span.ts'
import type { BlockCache } from './attention.ts'
import { cutRows, exportCaches, importCaches } from './cached-runner.ts'
import { createRankPass, type RankParts, type RankSession } from './rank-pass.ts'

/**
 * A rank's share in plain TypeScript. Calls run one after the other: each waits for the other ranks in between, and all
 * ranks must exchange their sums in the same order.
 */
export function createReferenceRank(parts: RankParts): BlockRunner {
  const { span, book } = parts
  const sessions = new Map<string, RankSession>()
  const pass = createRankPass(parts)
  const calls = createSerialQueue()
  const sessionOf = (name: string): RankSession => {
    const session = sessions.get(name)
    if (session === undefined) throw new ShoalError('unknown-session', `session ${name} is not open`)
    return session
  }
  const bytesOf = ({ part }: RankSession, positions: number): number =>
    keyValueBytesOf(partOf(span, part)) * positions

  return {
    range: span.range,
    hiddenSize: hiddenSizeOf(span),
    async open(session, tokenBudget, part = span.range) {
      book.open(session, tokenBudget, part)
      const caches = Array.from({ length: part.end - part.start }, () => emptyCache(parts.kv))
      sessions.set(session, { part, tokenBudget, caches })
    },
    async forward(name, position, hidden) {
      const accepted = book.accept(name, position, hidden.length)
      const rows = hidden.slice()
      const session = sessionOf(name)
      try {
        const output = await calls.run(() => passAt(pass, name, session, position, rows))
        accepted.succeed(bytesOf(session, position + accepted.rows))
        return output
      } catch (error) {
        accepted.fail()
        throw error
      }
    },
    length: (session) => book.length(session),
    async truncate(name, length) {
      book.truncate(name, length)
      const session = sessionOf(name)
      await calls.run(async () => cut(session, length))
    },
    async close(name) {
      // Queued calls hold the session themselves.
      if (book.close(name)) sessions.delete(name)
    },
    async exportKeyValues(name, window = {}) {
      book.length(name)
      const { part, caches } = sessionOf(name)
      return calls.run(async () => {
        const resolved = resolveWindow(window, { part, length: caches[0]?.keys.length ?? 0 })
        return exportCaches(partOf(span, part).blocks, caches, resolved)
      })
    },
    async importKeyValues(name, position, keyValues) {
      const accepted = book.acceptKeyValues(name, position, keyValues.length)
      const session = sessionOf(name)
      const values = keyValues.slice()
      const { blocks } = partOf(span, session.part)
      await calls.run(async () => importCaches(blocks, session.caches, accepted.rows, values))
      accepted.succeed(bytesOf(session, position + accepted.rows))
    },
    memory: () => book.memory(),
    async release() {
      book.release()
      sessions.clear()
    },
  }
}

const emptyCache = (kv: KeyValueFormat): BlockCache => ({ keys: [], values: [], kv })

/** Appends rows; when that fails, the session's caches are as before. */
async function passAt(
  pass: (session: RankSession, position: number, rows: Float32Array) => Promise<Float32Array>,
  name: string,
  session: RankSession,
  position: number,
  rows: Float32Array,
): Promise<Float32Array> {
  // An earlier call of the session has failed after this one was accepted.
  if ((session.caches[0]?.keys.length ?? position) !== position)
    throw new ShoalError('wrong-position', `session ${name} is not at position ${position}`)
  try {
    return await pass(session, position, rows)
  } catch (error) {
    cut(session, position)
    throw error
  }
}

function cut({ caches }: RankSession, length: number): void {
  for (const cache of caches) cutRows(cache, length)
}
