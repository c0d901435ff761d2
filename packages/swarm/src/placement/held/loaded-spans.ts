import { createSerialQueue } from '@shoal/host'
import type { BlockRunner } from '@shoal/runtime'
import type { StageHost } from '@shoal/session'
import type { Holding } from '../holding.ts'

/** A span in memory: the runner that computes its blocks, and the holding for which it was loaded. */
export interface LoadedSpan {
  readonly holding: Holding
  readonly runner: BlockRunner
}

/**
 * The spans in this node's memory, all of them served by the stage host. One of them may be current: it is the span that
 * the node announces. The others are draining: their sessions end or move, and then they are freed.
 */
export class LoadedSpans {
  readonly #stageHost: Pick<StageHost, 'setRunners'>
  readonly #draining = new Set<LoadedSpan>()
  /** The host ends the sessions of runners that are gone while it goes through them, so calls must not overlap. */
  readonly #calls = createSerialQueue()
  #current: LoadedSpan | null = null

  constructor(stageHost: Pick<StageHost, 'setRunners'>) {
    this.#stageHost = stageHost
  }

  get current(): LoadedSpan | null {
    return this.#current
  }

  isDraining(span: LoadedSpan): boolean {
    return this.#draining.has(span)
  }

  /** All spans in memory, the current one first. */
  list(): readonly LoadedSpan[] {
    return [...(this.#current === null ? [] : [this.#current]), ...this.#draining]
  }

  /** `span` becomes the current one; the span before it drains. */
  promote(span: LoadedSpan): void {
    this.drainCurrent()
    this.#current = span
  }

  /** Undoes the promotion of `span`. */
  demote(span: LoadedSpan, former: LoadedSpan | null): void {
    if (this.#current === span) this.#current = former
    if (former !== null) this.#draining.delete(former)
  }

  /** @returns the span that was current and drains from now on; null when there was none */
  drainCurrent(): LoadedSpan | null {
    const former = this.#current
    this.#current = null
    if (former !== null) this.#draining.add(former)
    return former
  }

  /** A draining span becomes the current one again. */
  resume(span: LoadedSpan): void {
    this.#draining.delete(span)
    this.#current = span
  }

  /** The current span is computed no more; its caller releases it. */
  dropCurrent(): void {
    this.#current = null
  }

  /** Tells the host which spans to serve. */
  serve(): Promise<void> {
    return this.#setRunners(() => this.list().map(({ runner }) => runner))
  }

  /** Ends every session; the spans stay in memory. */
  serveNothing(): Promise<void> {
    return this.#setRunners(() => [])
  }

  async free(span: LoadedSpan): Promise<void> {
    this.#draining.delete(span)
    await this.serve()
    await span.runner.release()
  }

  async freeAll(): Promise<void> {
    await this.serveNothing()
    const spans = [...this.#draining, ...(this.#current === null ? [] : [this.#current])]
    this.#current = null
    this.#draining.clear()
    for (const { runner } of spans) await runner.release()
  }

  #setRunners(runners: () => readonly BlockRunner[]): Promise<void> {
    return this.#calls.run(() => this.#stageHost.setRunners(runners()))
  }
}
