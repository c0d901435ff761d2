import { readFileSync } from 'node:fs'
import { messageOf, seededRandom, type Clock } from '@shoal/host'
import { decoders, isRefusal, type Read } from './decoders.ts'
import { mutate, type Sample } from './mutate.ts'

/** An input on which a decoder did not keep its promise. */
export interface FuzzFinding {
  readonly decoder: string
  readonly inputHex: string
  readonly what: string
}

export interface FuzzReport {
  readonly inputs: number
  /** Inputs that were messages all the same. */
  readonly accepted: number
  readonly slowestMs: number
  readonly findings: readonly FuzzFinding[]
}

export interface FuzzOptions {
  readonly seed: number
  /** Time that this process has computed: a busy machine makes no input slow. */
  readonly clock: Pick<Clock, 'nowMs'>
  /** Called between inputs; the run ends when it returns false. */
  readonly goesOn: (inputs: number) => boolean
}

/**
 * An input has at most 96 KiB and takes a fraction of a millisecond. Three tries in a row that all take this long are the
 * input's doing, and not that of a garbage collection.
 */
const slowMs = 100
const slowTries = 3
/** One input in so many is a manifest. */
const manifestEach = 50
/** A run that finds so much has found enough. */
const findingsMax = 10

/** The kept frames of each decoder: golden ones of every type, and inputs that have once broken something. */
export function readCorpus(): Readonly<Record<string, readonly Uint8Array[]>> {
  const text = readFileSync(new URL('corpus/frames.json', import.meta.url), 'utf8')
  const corpus = JSON.parse(text) as Readonly<Record<string, readonly string[]>>
  return Object.fromEntries(
    Object.entries(corpus).map(([name, frames]) => [
      name,
      frames.map((hex) => new Uint8Array(Buffer.from(hex, 'hex'))),
    ]),
  )
}

/** Milliseconds of processor time that this process has used. */
export const processorClock: Pick<Clock, 'nowMs'> = {
  nowMs() {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
}

/** @throws {Error} for frames of no decoder */
function samplesOf(
  corpus: Readonly<Record<string, readonly Uint8Array[]>>,
): Readonly<Record<string, readonly Sample[]>> {
  return Object.fromEntries(
    Object.entries(corpus).map(([name, frames]) => {
      const form = decoders[name]?.form
      if (form === undefined) throw new Error(`the corpus has frames of '${name}', which has no decoder`)
      return [name, frames.map((bytes) => ({ form, bytes }))]
    }),
  )
}

/** Gives mutated frames of every protocol to every decoder. A seed repeats a run. */
export function fuzzDecoders({ seed, clock, goesOn }: FuzzOptions): FuzzReport {
  const random = seededRandom(seed)
  const samples = samplesOf(readCorpus())
  const all = Object.values(samples).flat()
  const names = Object.keys(decoders).filter((name) => name !== 'manifest')
  const findings: FuzzFinding[] = []
  let [inputs, accepted, slowestMs] = [0, 0, 0]
  while (findings.length < findingsMax && goesOn(inputs)) {
    // A manifest has a hundred times the bytes of a frame, and comes once.
    const name = inputs % manifestEach === 0 ? 'manifest' : (names[inputs % names.length] ?? '')
    const decoder = decoders[name]
    const own = samples[name] ?? []
    const frame = own[random.uint32() % own.length]
    const other = all[random.uint32() % all.length]
    if (decoder === undefined || frame === undefined || other === undefined)
      throw new Error(`the corpus of '${name}' is empty`)
    const input = mutate(frame, random, other)
    const result = judge(decoder.read, input, clock)
    inputs += 1
    if (result.accepted) accepted += 1
    slowestMs = Math.max(slowestMs, result.tookMs)
    if (result.what !== null)
      findings.push({ decoder: name, inputHex: Buffer.from(input).toString('hex'), what: result.what })
  }
  return { inputs, accepted, slowestMs, findings }
}

interface Judgement {
  readonly accepted: boolean
  readonly tookMs: number
  /** Null when the promise was kept. */
  readonly what: string | null
}

/** Whether the decoder returns or refuses, in time. */
export function judge(read: Read, input: Uint8Array, clock: Pick<Clock, 'nowMs'>): Judgement {
  let tookMs = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < slowTries; tries += 1) {
    const startMs = clock.nowMs()
    let accepted = true
    try {
      read(input.slice())
    } catch (error) {
      accepted = false
      if (!isRefusal(error))
        return { accepted, tookMs: clock.nowMs() - startMs, what: `threw ${messageOf(error)}` }
    }
    tookMs = Math.min(tookMs, clock.nowMs() - startMs)
    if (tookMs < slowMs) return { accepted, tookMs, what: null }
  }
  return { accepted: false, tookMs, what: `took ${Math.round(tookMs)} ms` }
}
