import { ModelError } from '../../error.ts'
import { limits } from '../../limits.ts'

/** Ends a stream of text at a stop text and never emits a part of one. */
export interface StopFilter {
  /**
   * @returns text that is certainly not part of a stop text, and the stop text that has come, null before that; nothing
   *   is emitted after it
   */
  push(text: string): { readonly emit: string; readonly stop: string | null }
  /** The text that was held back, for a stream that ends without a stop text. */
  flush(): string
}

/**
 * @param stops texts that end a generation; they are not part of it. Empty ones are refused
 * @throws {ModelError} `bad-request`
 */
export function createStopFilter(stops: readonly string[]): StopFilter {
  if (stops.length > limits.stopTextsMax)
    throw new ModelError(
      'bad-request',
      `at most ${limits.stopTextsMax} stop texts can be given, not ${stops.length}`,
    )
  for (const stop of stops) {
    if (stop === '' || stop.length > limits.stopTextCharactersMax) {
      throw new ModelError(
        'bad-request',
        `a stop text must have 1 to ${limits.stopTextCharactersMax} characters, not ${stop.length}`,
      )
    }
  }
  let held = ''
  let stop: string | null = null
  return {
    push: (text) => {
      if (stop !== null) return { emit: '', stop }
      held += text
      const match = firstMatch(held, stops)
      if (match !== null) {
        held = ''
        stop = match.stop
        return { emit: match.before, stop }
      }
      const keep = stops.reduce((most, each) => Math.max(most, overlap(held, each)), 0)
      const emit = held.slice(0, held.length - keep)
      held = held.slice(held.length - keep)
      return { emit, stop }
    },
    flush: () => {
      const rest = held
      held = ''
      return rest
    },
  }
}

/**
 * The stop that is complete first, or the longer of two that end together, with the text before it, so that the
 * result does not depend on how the stream was cut into pieces. Null without a stop.
 */
function firstMatch(text: string, stops: readonly string[]): { before: string; stop: string } | null {
  let start = -1
  let end = Infinity
  let first = ''
  for (const stop of stops) {
    const at = text.indexOf(stop)
    if (at < 0 || at + stop.length > end || (at + stop.length === end && at > start)) continue
    start = at
    end = at + stop.length
    first = stop
  }
  return start < 0 ? null : { before: text.slice(0, start), stop: first }
}

/** Length of the longest suffix of `text` that is a prefix of `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length
  }
  return 0
}
