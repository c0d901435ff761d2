import type { TabNews } from '../messages.ts'

/** What the worker of the page tells it. */
export type FromWorker =
  | { readonly kind: 'step'; readonly step: 'connecting' | 'fetching' | 'timing' }
  | { readonly kind: 'engine'; readonly threads: number }
  | { readonly kind: 'news'; readonly news: TabNews; readonly model: string; readonly blockCount: number }
  | { readonly kind: 'work'; readonly rows: number; readonly calls: number; readonly weightBytes: number }
  | { readonly kind: 'over'; readonly reason: string; readonly asked: boolean }

/** What a page tells its worker. */
export type ToWorker =
  | {
      readonly kind: 'start'
      readonly token: string
      readonly memoryBytes: number
      readonly blocks: readonly [number, number] | null
      readonly threads: number
    }
  | { readonly kind: 'stop' }

/** What the page shows. */
export interface LendState {
  readonly phase: 'idle' | 'connecting' | 'fetching' | 'timing' | TabNews['phase'] | 'over'
  readonly memoryBytes: number
  readonly model: string | null
  readonly blockCount: number
  readonly peer: string | null
  readonly blocks: readonly [number, number] | null
  readonly sessions: number
  /** Rows of hidden states that were computed; one is a token's way through the blocks here. */
  readonly rows: number
  readonly weightBytes: number
  readonly threads: number
  readonly reason: string | null
  /** The tab is in the background. */
  readonly hidden: boolean
}

export function firstState(memoryBytes: number): LendState {
  return {
    phase: 'idle',
    memoryBytes,
    model: null,
    blockCount: 0,
    peer: null,
    blocks: null,
    sessions: 0,
    rows: 0,
    weightBytes: 0,
    threads: 1,
    reason: null,
    hidden: false,
  }
}

/** The state after the worker has told something. */
export function afterWord(state: LendState, word: FromWorker): LendState {
  switch (word.kind) {
    case 'step':
      return { ...state, phase: word.step }
    case 'engine':
      return { ...state, threads: word.threads }
    case 'news': {
      const { phase, peer, blocks, sessions, reason } = word.news
      const { model, blockCount } = word
      return { ...state, phase, peer, blocks, sessions, model, blockCount, reason: reason ?? state.reason }
    }
    case 'work':
      return { ...state, rows: word.rows, weightBytes: word.weightBytes }
    case 'over':
      return {
        ...state,
        phase: word.asked ? 'left' : 'over',
        blocks: null,
        sessions: 0,
        weightBytes: 0,
        // The node has said more than the end of the connection does.
        reason: word.asked ? null : (state.reason ?? word.reason),
      }
  }
}

/** Whether the tab is at work, or about to be. */
export const isOn = ({ phase }: LendState): boolean => !['idle', 'left', 'failed', 'over'].includes(phase)

/** Memory that a person may choose to lend, in bytes: what the device has is known to a few browsers, in GiB. */
export function memoryChoices(deviceGiB: number | undefined): {
  readonly choices: number[]
  readonly usual: number
} {
  const mebi = 2 ** 20
  const choices = [128, 256, 512, 1024, 2048, 3072].map((size) => size * mebi)
  const most = deviceGiB === undefined ? 1024 * mebi : (deviceGiB * 1024 * mebi) / 2
  const fitting = choices.filter((size) => size <= Math.max(most, 128 * mebi))
  const usual = fitting.filter((size) => size <= Math.max(most / 2, 128 * mebi)).at(-1) ?? 128 * mebi
  return { choices: fitting, usual }
}

/** The blocks that an address asks for: `?blocks=3:6`; null when it names none. */
export function blocksIn(search: string): readonly [number, number] | null {
  const [, start, end] = /^(\d+):(\d+)$/.exec(new URLSearchParams(search).get('blocks') ?? '') ?? []
  return start === undefined || end === undefined ? null : [Number(start), Number(end)]
}

/** Threads that a tab computes with at most. */
const threadsMax = 8

/**
 * Threads for a tab: half of the processors, and four at most, since the device has other things to do; or the number that
 * the address asks for, `?threads=2`.
 * @param isIsolated whether the browser lets threads share memory
 */
export function threadsFor(search: string, processors: number, isIsolated: boolean): number {
  if (!isIsolated) return 1
  const [asked] = /^[1-9]\d?$/.exec(new URLSearchParams(search).get('threads') ?? '') ?? []
  if (asked !== undefined) return Math.min(Number(asked), threadsMax)
  return Math.max(1, Math.min(Math.ceil(processors / 2), 4))
}
