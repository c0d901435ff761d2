import { asFailure, createSerialQueue, messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { ModelConfig } from '@shoal/model'
import type { Channel, Transport } from '@shoal/network'
import {
  decodeVocabulary,
  encodeVocabulary,
  hiddenRows,
  protocols,
  type EmbedRequest,
  type LogitsRequest,
} from '@shoal/protocol'
import { createPieceSlots } from '../weights/blobs/serving/piece-slots.ts'
import { RequestPace } from '../weights/blobs/serving/request-pace.ts'
import { taken } from '../weights/blobs/serving/taken.ts'
import { packBest } from './best-logits.ts'
import { rowsWithin, vocabularyLimits } from './limits.ts'
import type { Vocabulary } from './vocabulary.ts'

export interface ServeVocabularyDependencies {
  readonly transport: Pick<Transport, 'handle' | 'networkOf'>
  readonly clock: Clock
  readonly logger: Logger
  readonly config: Pick<ModelConfig, 'hiddenSize' | 'vocabularySize'>
  /** Loads embedding and head at the first request; called again when that has failed. */
  open(): Promise<Vocabulary>
  /** Whether a peer was admitted to a private swarm: its requests wait for no pace. In an open one anybody may be a member. */
  isAdmitted(peer: string): boolean
}

type Request = EmbedRequest | LogitsRequest

const answers = { what: 'answer', withinMs: vocabularyLimits.takeAnswerMs } as const

/**
 * Computes embedding and head for clients of thin placement. Requests of a channel are answered one after the other; an
 * asker that does not read holds one answer.
 */
export function serveVocabulary(dependencies: ServeVocabularyDependencies): void {
  const { transport, clock, logger } = dependencies
  const slots = createPieceSlots(vocabularyLimits.served)
  const embeddings = new RequestPace(clock, vocabularyLimits.embeddings)
  const logits = new RequestPace(clock, vocabularyLimits.logits)
  transport.handle(protocols.vocabulary, (channel) => {
    const requests = createSerialQueue()
    const { remotePeer } = channel
    const answerNext = async (frame: Uint8Array): Promise<void> => {
      if (channel.closed) return
      try {
        const { message, payload } = decodeVocabulary(frame)
        if (message.type !== 'embed' && message.type !== 'logits')
          throw new ShoalError('bad-frame', `'${message.type}' is an answer, not a request`)
        const network = transport.networkOf?.(remotePeer) ?? null
        const pace = message.type === 'embed' ? embeddings : logits
        // A peer without a network is of this machine.
        if (network !== null && !dependencies.isAdmitted(remotePeer))
          await pace.turn(network, remotePeer, () => channel.closed)
        const giveBack = await slots.take(remotePeer, network)
        try {
          if (!channel.closed) await answer(dependencies, channel, message, payload)
        } finally {
          giveBack()
        }
      } catch (error) {
        logger[channel.closed ? 'debug' : 'warn']('vocabulary-channel-aborted', {
          peer: remotePeer,
          reason: messageOf(error),
        })
        channel.abort(error instanceof Error ? error : new Error(messageOf(error)))
      }
    }
    channel.onFrame((frame) => requests.run(() => answerNext(frame)))
  })
}

async function answer(
  dependencies: ServeVocabularyDependencies,
  channel: Channel,
  message: Request,
  payload: Uint8Array,
): Promise<void> {
  const { request, rows } = message
  let bytes: Uint8Array
  try {
    bytes = await compute(dependencies, message, payload)
  } catch (error) {
    if (error instanceof ShoalError && error.code === 'bad-frame') throw error
    dependencies.logger.warn('vocabulary-failed', { peer: channel.remotePeer, reason: messageOf(error) })
    const { code } = asFailure(error)
    const sentence = `this peer could not compute ${message.type === 'embed' ? 'the embedding' : 'the head'}`
    await channel.send(...encodeVocabulary({ type: 'vocabulary-failed', request, code, message: sentence }))
    return
  }
  await taken(
    channel,
    dependencies.clock,
    answers,
    channel.send(...encodeVocabulary({ type: 'vocabulary-rows', request, rows }, bytes)),
  )
}

async function compute(
  dependencies: ServeVocabularyDependencies,
  message: Request,
  payload: Uint8Array,
): Promise<Uint8Array> {
  const { rows } = message
  const { hiddenSize, vocabularySize } = dependencies.config
  const rowsMax = rowsWithin(
    vocabularyLimits.answerBytes,
    message.type === 'embed' ? hiddenSize : vocabularySize,
  )
  if (rows > rowsMax)
    throw new ShoalError('bad-frame', `${message.type}: ${rows} rows, at most ${rowsMax} are computed`)
  if (message.type === 'embed') {
    const ids = Array.from(new Uint32Array(payload.buffer, payload.byteOffset, rows))
    const unknown = ids.find((id) => id >= vocabularySize)
    if (unknown !== undefined)
      throw new ShoalError('bad-frame', `embed: id ${unknown} is outside a vocabulary of ${vocabularySize}`)
    const { embedding } = await dependencies.open()
    return bytesOf(await embedding.lookup(ids))
  }
  if (message.best > vocabularySize)
    throw new ShoalError('bad-frame', `logits: ${message.best} best of ${vocabularySize} are wanted`)
  const hidden = hiddenRows(payload, rows, hiddenSize)
  const { head } = await dependencies.open()
  const logits = await head.logits(hidden)
  return message.best === 0 ? bytesOf(logits) : packBest(logits, rows, message.best)
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
