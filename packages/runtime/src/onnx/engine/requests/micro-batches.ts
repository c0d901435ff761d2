/** Rows of a request that may be a step of an answer, with its drafts. Longer ones are parts of a prompt. */
export const stepRowsMax = 16
/** Measurements of which the median counts: some rounds of a crowd. */
const samplesMax = 32
/** Calls of which the answers are known: as many as a round is cut into at most. */
const callsMax = 16
/** Answers whose next step is expected; those that never come are forgotten, the oldest first. */
const expectedMax = 1024

/** What has been measured of the sessions over the same blocks. */
interface Group {
  /** Milliseconds of the latest calls that had steps of answers only. */
  readonly callMs: number[]
  /** Milliseconds from such a call to the next step of one of its answers. */
  readonly awayMs: number[]
  /** When the last step of each answer was computed, while its next one is expected. */
  readonly computedAtMs: Map<string, number>
  /** The answers of the latest calls, the last one first. */
  readonly calls: (readonly string[])[]
}

/** A request that may share a call. */
export interface WaitingRows {
  readonly session: string
  readonly rows: number
}

/**
 * Chooses whose steps the next call computes, so that all stages of a route have rows at the same time (docs/batching.md).
 *
 * A call that always takes everything gathers all answers in one batch: it goes from stage to stage as a whole, and while
 * one stage computes it, the others wait for it. A stage at which a step spends a third of a round therefore takes a third
 * of the answers, and sends their rows on before it computes the next third. A stage that takes most of the round takes
 * everything, and so does one that takes little of it: no stage would wait for it for long, and a slow stage would begin
 * with the few rows that come first.
 */
export class MicroBatches {
  readonly #blockCount: number
  readonly #groups = new Map<string, Group>()

  /** @param blockCount of the whole model */
  constructor(blockCount: number) {
    this.#blockCount = blockCount
  }

  /** A request has arrived. @param group names the loaded span and the blocks of the session */
  arrived(group: string, session: string, nowMs: number): void {
    const { computedAtMs, awayMs } = this.#group(group)
    const computed = computedAtMs.get(session)
    if (computed === undefined) return
    computedAtMs.delete(session)
    remember(awayMs, nowMs - computed)
  }

  /**
   * @param blocks of the model that a call passes through
   * @param waiting the oldest first
   * @returns whether the next call takes rows of each; it takes some of the oldest
   */
  choose(group: string, blocks: number, waiting: readonly WaitingRows[]): boolean[] {
    const { callMs, awayMs, calls } = this.#group(group)
    const steps = waiting.filter(({ rows }) => rows <= stepRowsMax).map(({ session }) => session)
    // A part of a prompt takes as long as many steps: those that wait are computed with it, and not behind it.
    if (steps.length < waiting.length) return waiting.map(() => true)
    const batches = batchesOf(callMs, awayMs, this.#blockCount / blocks)
    const answers = new Set([...calls.slice(0, batches).flat(), ...steps])
    const taken = new Set(steps.slice(0, Math.ceil(answers.size / batches)))
    calls.unshift([...taken])
    calls.splice(callsMax)
    return waiting.map(({ session }) => taken.has(session))
  }

  /** A call is over. */
  computed(group: string, call: readonly WaitingRows[], ms: number, nowMs: number): void {
    const { callMs, computedAtMs } = this.#group(group)
    if (call.some(({ rows }) => rows > stepRowsMax)) return
    remember(callMs, ms)
    for (const { session } of call) {
      computedAtMs.delete(session)
      computedAtMs.set(session, nowMs)
    }
    for (const session of computedAtMs.keys()) {
      if (computedAtMs.size <= expectedMax) break
      computedAtMs.delete(session)
    }
  }

  /** Forgets the groups of a span that has been released. */
  forget(span: number): void {
    for (const group of this.#groups.keys()) if (group.startsWith(`${span} `)) this.#groups.delete(group)
  }

  #group(name: string): Group {
    const known = this.#groups.get(name)
    if (known !== undefined) return known
    const created: Group = { callMs: [], awayMs: [], computedAtMs: new Map(), calls: [] }
    this.#groups.set(name, created)
    return created
  }
}

/**
 * Into how many calls a stage cuts a round of all answers: as many as fit into the time from one step of an answer to its
 * next, but not into more than there are stages (or two), because a call of few rows takes almost as long as one of
 * many, and steps that wait elsewhere make the rest of the round look long. A stage with less than half of the time of the
 * average one does not cut it.
 * @param stages of a route whose stages are all as long as this one
 */
export function batchesOf(callMs: readonly number[], awayMs: readonly number[], stages: number): number {
  const call = median(callMs)
  if (awayMs.length === 0 || call <= 0) return 1
  const batches = Math.max(1, Math.round((call + median(awayMs)) / call))
  return batches <= Math.min(callsMax, 2 * stages) ? Math.min(batches, Math.max(2, Math.floor(stages))) : 1
}

function remember(samples: number[], ms: number): void {
  samples.push(ms)
  if (samples.length > samplesMax) samples.shift()
}

function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}
