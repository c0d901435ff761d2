import { protocols } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { decoders, isRefusal } from './decoders.ts'
import { fuzzDecoders, judge, processorClock, readCorpus } from './fuzz-decoders.ts'

/** Inputs of one run. A run of these must take less than ten seconds. */
const inputs = 100_000

test('a hundred thousand damaged frames of every protocol are read or refused, each in a moment', () => {
  const report = fuzzDecoders({ seed: 12, clock: processorClock, goesOn: (done) => done < inputs })
  expect(report.findings).toEqual([])
  expect(report.inputs).toBe(inputs)
  // Mutations that every decoder refuses at its first check would prove nothing.
  expect(report.accepted).toBeGreaterThan(inputs / 100)
})

test('every protocol has a decoder of its name', () => {
  const names = Object.keys(protocols).map((name) =>
    name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  )
  expect(names.filter((name) => decoders[name] === undefined)).toEqual([])
})

test('the corpus has undamaged frames for every decoder', () => {
  const corpus = readCorpus()
  expect(Object.keys(corpus).toSorted()).toEqual(Object.keys(decoders).toSorted())
  for (const [name, frames] of Object.entries(corpus)) {
    const judgements = frames.map((frame) => judge(decoders[name]!.read, frame, processorClock))
    expect([name, judgements.flatMap(({ what }) => what ?? [])]).toEqual([name, []])
    expect([name, judgements.some(({ accepted }) => accepted)]).toEqual([name, true])
  }
})

test('the harness reports a decoder that throws anything but a refusal', () => {
  const broken = judge(
    () => {
      throw new RangeError('Maximum call stack size exceeded')
    },
    new Uint8Array(1),
    processorClock,
  )
  expect(broken).toMatchObject({ accepted: false, what: 'threw Maximum call stack size exceeded' })
  expect(isRefusal(new TypeError('x'))).toBe(false)
})
