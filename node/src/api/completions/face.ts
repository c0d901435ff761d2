import type { ApiError } from '../errors.ts'
import type { Generation } from './generation.ts'
import type { AnswerEvent, WholeAnswer } from './run.ts'

/** How a dialect of the API writes an answer. */
export interface Face {
  /** The body of an answer that is not streamed. */
  whole(generation: Generation, answers: readonly WholeAnswer[]): object
  readonly streamType: string
  stream(generation: Generation): FaceStream
}

/** Text of a stream, in order. */
export interface FaceStream {
  push(event: AnswerEvent): string
  /** Sent while there is nothing to say, so that nobody on the way gives the connection up. */
  keepAlive(): string
  /** The stream's last message when the answer fails: its status has been sent already. */
  failure(error: ApiError): string
  end(): string
}

export const eventStreamType = 'text/event-stream; charset=utf-8'

/** One message of a `text/event-stream` (HTML living standard, section 9.2). JSON holds no line breaks. */
export const sseMessage = (data: object, event?: string): string =>
  `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`

/** A comment, which clients skip. */
export const sseComment = ': keep-alive\n\n'
