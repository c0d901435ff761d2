import { isErrorCode, ShoalError, type Clock } from '@shoal/host'
import type { Transport } from '@shoal/network'
import {
  decodeVocabulary,
  encodeVocabulary,
  protocols,
  type EmbedRequest,
  type LogitsRequest,
} from '@shoal/protocol'
import { vocabularyLimits } from './limits.ts'

/** What is asked, without the number by which its answer is known. */
export type Question = Omit<EmbedRequest, 'request'> | Omit<LogitsRequest, 'request'>

/** Asks one peer over one channel. */
export interface VocabularyClient {
  readonly peer: string
  readonly closed: boolean
  /**
   * @returns the payload of the answer, at an 8-byte boundary
   * @throws {ShoalError} what the peer refused with; `peer-vanished`, `deadline-passed` when it does not answer
   */
  ask(question: Question, payload: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}

interface Pending {
  readonly rows: number
  resolve(payload: Uint8Array): void
  reject(error: Error): void
}

export async function openVocabularyClient(
  transport: Pick<Transport, 'open'>,
  clock: Clock,
  peer: string,
  signal: AbortSignal,
): Promise<VocabularyClient> {
  const channel = await transport.open(peer, protocols.vocabulary, { signal })
  const pending = new Map<number, Pending>()
  let next = 0
  channel.onFrame((frame) => {
    const { message, payload } = decodeVocabulary(frame)
    if (message.type === 'embed' || message.type === 'logits')
      throw new ShoalError('bad-frame', `an answer was expected, not '${message.type}'`)
    const waiting = pending.get(message.request)
    if (waiting === undefined) return
    pending.delete(message.request)
    if (message.type === 'vocabulary-rows') {
      if (message.rows === waiting.rows) waiting.resolve(payload)
      else throw new ShoalError('bad-frame', `${message.rows} rows came for ${waiting.rows}`)
      return
    }
    const code = isErrorCode(message.code) ? message.code : 'internal'
    waiting.reject(new ShoalError(code, `${peer}: ${message.message}`))
  })
  channel.onClose((error) => {
    for (const waiting of pending.values())
      waiting.reject(
        new ShoalError('peer-vanished', `${peer} ended the channel of embedding and head`, { cause: error }),
      )
    pending.clear()
  })

  return {
    peer,
    get closed() {
      return channel.closed
    },
    close: () => channel.close(),
    ask(question, payload) {
      const request = next
      next = (next + 1) % 0x1_0000_0000
      return new Promise((resolve, reject) => {
        const { answerTimeoutMs } = vocabularyLimits
        const timer = clock.after(answerTimeoutMs, () => {
          pending.delete(request)
          reject(new ShoalError('deadline-passed', `${peer} gave no answer for ${answerTimeoutMs} ms`))
        })
        pending.set(request, {
          rows: question.rows,
          resolve(bytes) {
            timer.cancel()
            resolve(bytes)
          },
          reject(error) {
            timer.cancel()
            reject(error)
          },
        })
        channel.send(...encodeVocabulary({ ...question, request }, payload)).catch((error: unknown) => {
          const waiting = pending.get(request)
          pending.delete(request)
          waiting?.reject(error instanceof Error ? error : new Error(String(error)))
        })
      })
    },
  }
}
