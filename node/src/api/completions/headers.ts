import type { WholeAnswer } from './run.ts'

/** Milliseconds on one clock: when the request came, when its prompt was ready, when the answer ended. */
export interface AnswerTimes {
  readonly sinceMs: number
  readonly startMs: number
  readonly endMs: number
}

const milliseconds = (value: number): string => String(Math.max(0, Math.round(value)))

/** `server-timing` as browsers show it, and the peers that computed the answer. */
export function answerHeaders(
  answers: readonly WholeAnswer[],
  { sinceMs, startMs, endMs }: AnswerTimes,
): Record<string, string> {
  const results = answers.map(({ result }) => result)
  const first = results[0]
  const timing = [
    `prepare;dur=${milliseconds(startMs - sinceMs)}`,
    ...(first === undefined ? [] : [`first-token;dur=${milliseconds(first.ttftMs)}`]),
    `total;dur=${milliseconds(endMs - sinceMs)}`,
  ].join(', ')
  const route = (first?.route ?? [])
    .map(({ peer, start, end }) => `${peer};blocks=${start}-${end}`)
    .join(', ')
  return { 'server-timing': timing, ...(route !== '' && { 'x-shoal-route': route }) }
}

/** What is known before the answer. */
export function streamHeaders(sinceMs: number, startMs: number): Record<string, string> {
  return { 'server-timing': `prepare;dur=${milliseconds(startMs - sinceMs)}` }
}
