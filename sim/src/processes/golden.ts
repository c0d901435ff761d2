import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { messageOf } from '@shoal/host'
import type { Engine } from '@shoal/swarm'
import { connectClient, openReference } from '@shoal/swarm/node'
import { startNodeProcess, type NodeProcess } from 'shoal/node-process'
import type { HarnessReport } from '../chaos.ts'
import { firstDifference } from '../kills/answer.ts'
import { harnessDependencies, untilCovered } from './answers.ts'

/*
 * Every golden model over real processes: three nodes that hold a part of its blocks each (two where it has two blocks),
 * of which only the first has the model, and this process, which coordinates. The greedy tokens in float32 must be those
 * of the reference implementation.
 */

/** A model with the tokens of its reference implementation. */
export interface GoldenModel {
  readonly name: string
  /** What `--model` takes. */
  readonly ref: string
  readonly cases: readonly { readonly prompt: readonly number[]; readonly greedy: readonly number[] }[]
}

const processesMax = 3
/** Cases in which the reference code turns keys again as a text grows, which no KV cache can follow (docs/models.md). */
const recomputed: Readonly<Record<string, readonly number[]>> = { llama_dynamic: [2, 3], phi3_longrope: [3] }
/** Refused by name from config.json. */
const refused = new Set(['qwen3_next'])

interface Reference {
  readonly cases: readonly {
    readonly prompt: readonly number[]
    readonly greedy: readonly number[]
    /** Where a file's weights are quantised: those of the same weights as floats. */
    readonly greedy_f32?: readonly number[]
  }[]
}

/** The models of a folder with test data: `golden/NAME` and `data/gguf/NAME.gguf`. */
export function goldenModels(folder: string): GoldenModel[] {
  const named = (path: string): string[] => (existsSync(path) ? readdirSync(path).sort() : [])
  const models = named(join(folder, 'golden'))
    .filter((name) => !refused.has(name))
    .map((name) => ({ name, ref: join(folder, 'golden', name), answers: 'golden.json' }))
  const files = named(join(folder, 'data/gguf'))
    .filter((name) => name.endsWith('.gguf'))
    .map((name) => ({
      name,
      ref: join(folder, 'data/gguf', name),
      answers: join('..', name.replace(/gguf$/, 'json')),
    }))
  return [...models, ...files].map(({ name, ref, answers }) => {
    const { cases } = JSON.parse(readFileSync(join(ref, answers), 'utf8')) as Reference
    return {
      name,
      ref,
      cases: cases
        .filter((_, index) => recomputed[name]?.includes(index) !== true)
        .map(({ prompt, greedy, greedy_f32: floats }) => ({ prompt, greedy: floats ?? greedy })),
    }
  })
}

/**
 * `count` of the golden models of the test data, in the order of their names, from the one of the number `from` on.
 * @throws {Error} when there is none
 */
export function chosenGoldenModels(from: number, count: number): ReturnType<typeof goldenModels> {
  const data = resolve(process.env['SHOAL_TEST_DATA'] ?? join(import.meta.dirname, '../../../../shared/data'))
  const models = goldenModels(join(data, '..')).slice(from - 1, from - 1 + count)
  if (models.length === 0)
    throw new Error(`no golden models beside ${data}; SHOAL_TEST_DATA names the test data`)
  return models
}

/**
 * Runs the harness for `npm run chaos -- golden`.
 * @param from of the models, in the order of their names, the first to play
 * @param count of the models to play
 */
export async function chaosGolden(
  from: number,
  count: number,
  report: (line: string) => void,
): Promise<HarnessReport> {
  const models = chosenGoldenModels(from, count)
  const failed: HarnessReport['failed'][number][] = []
  let tokens = 0
  for (const [index, model] of models.entries()) {
    const violations: string[] = []
    try {
      tokens += await play(model, violations)
    } catch (error) {
      violations.push(`${model.name}: ${messageOf(error)}`)
    }
    const seed = from + index
    report(`${seed} ${model.name}: ${violations[0] ?? 'the same tokens'}`)
    if (violations.length > 0)
      failed.push({ seed, violations, repeat: `npm run chaos -- golden --from ${seed} --count 1` })
  }
  return {
    failed,
    lines: [
      `${models.length} models over several processes, ${tokens} tokens, ${failed.length} with other tokens`,
    ],
  }
}

async function blockCount(ref: string): Promise<number> {
  const { source } = await openReference(ref)
  await source.close()
  return source.config.blockCount
}

/** @returns the tokens that were compared */
async function play({ name, ref, cases }: GoldenModel, violations: string[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-golden-'))
  const nodes: NodeProcess[] = []
  const start = (words: readonly string[]): NodeProcess => {
    const data = join(folder, `node-${nodes.length}`)
    const node = startNodeProcess([...words, '--threads', '1', '--data', data], { name })
    nodes.push(node)
    return node
  }
  try {
    const blocks = await blockCount(ref)
    const count = Math.min(processesMax, blocks)
    const cut = (part: number): number => Math.floor((part * blocks) / count)
    const span = (part: number): string => `${cut(part)}:${cut(part + 1)}`
    const first = start(['--model', ref, '--weights', 'f32', '--blocks', span(0)])
    const known = (await first.ready).addrs[0] ?? ''
    for (let part = 1; part < count; part += 1) start(['--join', known, '--blocks', span(part)])
    await Promise.all(nodes.map(({ ready }) => ready))
    const client = await connectClient(harnessDependencies, {
      join: [known],
      dataFolder: join(folder, 'client'),
      threads: 1,
    })
    try {
      await untilCovered(client)
      return await compare(await client.engine(), { name, ref, cases }, count, violations)
    } finally {
      await client.close()
    }
  } finally {
    await Promise.all(nodes.map((node) => node.stop('SIGKILL')))
    await rm(folder, { recursive: true, force: true })
  }
}

async function compare(
  engine: Engine,
  { name, cases }: GoldenModel,
  stages: number,
  violations: string[],
): Promise<number> {
  let tokens = 0
  for (const [index, { prompt, greedy }] of cases.entries()) {
    const sampling = { ...engine.defaultSampling, temperature: 0 }
    const request = { promptIds: prompt, maxTokens: greedy.length, ignoreEos: true, sampling }
    for await (const event of engine.generate(request)) {
      if (event.type !== 'done') continue
      const { tokenIds, route } = event.result
      tokens += tokenIds.length
      const apart = firstDifference(tokenIds, greedy)
      if (apart !== null) violations.push(`${name}, case ${index}: another token at ${apart}`)
      if (route.length !== stages)
        violations.push(`${name}, case ${index}: a route of ${route.length} stages`)
    }
  }
  return tokens
}
