/** The steps of one session at a runner, in the order of their arrival. */
export interface StepLine {
  /** Steps in the line, the one under way included. */
  readonly size: number
  /**
   * Adds a step. It begins in the next microtask when no other step of its session is in the line.
   * @param rows positions that the step computes
   * @param take decides and computes the step
   * @returns a promise that settles as the one of `take`
   */
  add(rows: number, take: () => Promise<void>): Promise<void>
  /** Settles as the step that was added last; resolves when there was none. */
  settled(): Promise<void>
}

/**
 * The queue beside a runner: it sees the steps that wait there, of all sessions, and keeps those of a session in order.
 *
 * A step waits for the ones before it in its session, since they change the KV cache that it reads. Steps of different
 * sessions are independent: each begins as soon as it may, `ComputeTurns` decides whose rows the runner gets next, and the
 * runner computes in one call what it has when a call begins (docs/batching.md).
 */
export class StepQueue {
  /** Lines whose first step may begin, in the order in which these steps became ready. */
  readonly #ready: Line[] = []
  #waitingRows = 0

  /** Rows, of all sessions, in steps that have not begun. */
  get waitingRows(): number {
    return this.#waitingRows
  }

  /** The line of a new session. */
  createLine(): StepLine {
    const line = new Line((rows) => {
      this.#waitingRows += rows
      if (this.#makeReady(line)) queueMicrotask(() => this.#beginReady())
    })
    return line
  }

  /** @returns whether the first step of the line may begin by this call */
  #makeReady(line: Line): boolean {
    const ready = line.makeReady()
    if (ready) this.#ready.push(line)
    return ready
  }

  #beginReady(): void {
    for (let line = this.#ready.shift(); line !== undefined; line = this.#ready.shift()) this.#begin(line)
  }

  #begin(line: Line): void {
    const step = line.begin()
    this.#waitingRows -= step.rows
    const over = (): void => {
      line.end()
      if (this.#makeReady(line)) this.#beginReady()
    }
    step.over.resolve(step.take())
    step.over.promise.then(over, over)
  }
}

interface QueuedStep {
  readonly rows: number
  readonly take: () => Promise<void>
  readonly over: PromiseWithResolvers<void>
}

class Line implements StepLine {
  readonly #added: (rows: number) => void
  readonly #waiting: QueuedStep[] = []
  /** Whether the first step may begin, or is under way. */
  #state: 'idle' | 'ready' | 'busy' = 'idle'
  #last: Promise<void> = Promise.resolve()

  constructor(added: (rows: number) => void) {
    this.#added = added
  }

  get size(): number {
    return this.#waiting.length + (this.#state === 'busy' ? 1 : 0)
  }

  add(rows: number, take: () => Promise<void>): Promise<void> {
    const over = Promise.withResolvers<void>()
    this.#waiting.push({ rows, take, over })
    this.#last = over.promise
    this.#added(rows)
    return over.promise
  }

  settled(): Promise<void> {
    return this.#last
  }

  /** @returns whether a step waits and none is ready or under way, so that it has become ready */
  makeReady(): boolean {
    if (this.#state !== 'idle' || this.#waiting.length === 0) return false
    this.#state = 'ready'
    return true
  }

  /** Takes the first step out of the line; it is under way from now on. */
  begin(): QueuedStep {
    this.#state = 'busy'
    return this.#waiting.shift()!
  }

  /** Notes that the step under way has ended. */
  end(): void {
    this.#state = 'idle'
  }
}
