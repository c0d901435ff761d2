import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { formatBytes, makeFolder } from '@shoal/host/node'
import {
  activeWeights,
  blockSpecs,
  buildManifest,
  formatProfile,
  identifyManifest,
  keyValueBytesPerPosition,
  keyValueFormats,
  packedTensors,
  packTensors,
  parseProfile,
  rangeBytes,
  unitBytes,
  unitNames,
  type KeyValueFormat,
  type ModelConfig,
  type NumericProfile,
  type PackSink,
} from '@shoal/model'
import { createNodeHasher, writeRandomModel, type RandomModelShape } from '@shoal/model/node'
import { inContext } from '../cli/context.ts'
import { addCommonOptions, addExamples, weightsHelp, type CommonFlags } from '../cli/options.ts'
import { parseWhole } from '../cli/parse.ts'
import { createProgressBar } from '../cli/progress.ts'
import { loadSwarm, type Reference } from '../swarm-port.ts'

interface ProfileFlags extends CommonFlags {
  readonly weights?: string
  readonly kv?: string
}

interface RandomFlags extends CommonFlags, Omit<RandomModelShape, 'keyValueHeads' | 'tied'> {
  readonly kvHeads: number
  readonly tied?: boolean
}

const refText = 'folder, .gguf file, hub id (org/name[@revision][:FILE.gguf]) or demo'

export function addModelCommand(program: Command): void {
  const model = program.command('model').description('inspect, verify, fetch or create a model')
  addProfileOptions(
    model
      .command('inspect')
      .description(
        'show shape, parameters, files and sizes in every format; reads only the config and the headers',
      )
      .argument('<REF>', refText),
  ).action(inspect)
  addProfileOptions(
    model
      .command('verify')
      .description('read and pack every tensor, without keeping it; prints the manifest id')
      .argument('<REF>', refText),
  ).action(verify)
  addProfileOptions(
    model
      .command('pull')
      .description('fetch and pack a model into the data directory; continues an interrupted download')
      .argument('<REF>', refText),
  ).action(pull)
  const random = model
    .command('random')
    .description('write a model of random weights, for measurements (default: the shape of Llama 3.2 1B)')
    .argument('<FOLDER>', 'a new folder')
    .option('--hidden <N>', 'hidden size', parseWhole(8, 65_536), 2048)
    .option('--blocks <N>', 'blocks', parseWhole(1, 1024), 16)
    .option('--heads <N>', 'attention heads', parseWhole(1, 1024), 32)
    .option('--kv-heads <N>', 'key/value heads', parseWhole(1, 1024), 8)
    .option('--feed-forward <N>', 'columns of the feed-forward network', parseWhole(8, 1_048_576), 8192)
    .option('--vocabulary <N>', 'tokens', parseWhole(8, 1_048_576), 128_256)
    .option('--context <N>', 'positions', parseWhole(8, 16_777_216), 131_072)
    .option(
      '--seed <N>',
      'seed of the random weights: the same seed gives the same bytes',
      parseWhole(0, 4_294_967_295),
      1,
    )
    .option('--no-tied', 'give the head a matrix of its own in place of the embedding matrix')
  addCommonOptions(random).action(makeRandom)
  addExamples(model, [
    'shoal model inspect demo',
    'shoal plan --model demo --devices devices.json --explain',
    'shoal model pull meta-llama/Llama-3.2-1B-Instruct',
    'shoal model random ./random-1b',
    'shoal model verify ./random-1b --weights int4:128',
  ])
}

function addProfileOptions(command: Command): Command {
  return addCommonOptions(command)
    .option('--weights <FORMAT>', weightsHelp)
    .addOption(new Option('--kv <FORMAT>', 'KV cache').choices(['f32', 'int8']))
}

/** What `inspect` gives the size of, besides the profile that is asked for. */
const inspectedFormats = ['f32', 'int8:32', 'int8:128', 'int4:32', 'int4:128'] as const

const packedBytesOf = (config: ModelConfig, profile: NumericProfile): number =>
  unitNames(config).reduce((sum, unit) => sum + unitBytes(config, profile, unit), 0)

const keyValueBytesOf = (config: ModelConfig, kv: KeyValueFormat): number =>
  blockSpecs(config).reduce((sum, { attention }) => sum + keyValueBytesPerPosition(attention, kv), 0)

async function inspect(ref: string, flags: ProfileFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, async ({ output, signal, logger }) => {
    const reference = await (await loadSwarm()).openReference(ref, { logger, signal })
    try {
      const { name, config, assets } = reference.source
      const profile = await (await loadSwarm()).chooseProfile(reference, flags, signal)
      const units = unitNames(config).map((unit) => ({ unit, bytes: unitBytes(config, profile, unit) }))
      const packedBytes = packedBytesOf(config, profile)
      const files = [...assets].map(([file, content]) => ({ file, bytes: content.byteLength }))
      output.line(
        `${name}: ${config.family}, ${config.blockCount} blocks, hidden size ${config.hiddenSize}, ${config.headCount} heads (${config.keyValueHeadCount} for keys and values) of ${config.headSize}`,
      )
      output.line(
        `feed-forward ${config.feedForwardSize}, vocabulary ${config.vocabularySize}${config.tiedEmbeddings ? ' (tied)' : ''}, context ${config.contextLength}`,
      )
      const parameters = packedTensors(config, parseProfile('f32')).reduce(
        (sum, { bytes }) => sum + bytes / 4,
        0,
      )
      const formats = Object.fromEntries(
        inspectedFormats.map((weights) => [weights, packedBytesOf(config, parseProfile(weights))]),
      )
      const active = activeWeights(config, profile)
      if (config.experts !== undefined) {
        const { count, activeCount, sharedSize } = config.experts
        const shared = sharedSize === null ? '' : ', and one that computes every row'
        output.line(
          `${count} experts in a block, ${activeCount} for each row${shared}: a token reads ${(active.parameters / 1e6).toFixed(active.parameters < 1e8 ? 2 : 0)} million parameters, ${formatBytes(active.bytes)}`,
        )
      }
      output.line(`parameters ${(parameters / 1e6).toFixed(parameters < 1e8 ? 2 : 0)} million`)
      output.line(
        `packed as ${formatProfile(profile)}: ${formatBytes(packedBytes)}, a block ${formatBytes(rangeBytes(config, profile, { start: 0, end: 1 }))}`,
      )
      output.line(
        `other formats: ${Object.entries(formats)
          .map(([weights, bytes]) => `${weights} ${formatBytes(bytes)}`)
          .join(', ')}`,
      )
      const keyValueBytes = Object.fromEntries(
        keyValueFormats.map((kv) => [kv, keyValueBytesOf(config, kv)]),
      ) as Record<KeyValueFormat, number>
      output.line(
        `KV cache of a position in all blocks: ${keyValueFormats.map((kv) => `${kv} ${formatBytes(keyValueBytes[kv])}`).join(', ')}; this profile keeps ${profile.kv}`,
      )
      const license = (await reference.source.license?.(signal)) ?? null
      output.line(`licence, as the model names it: ${license ?? 'none'}`)
      output.line(`files beside the weights: ${files.map(({ file }) => file).join(', ') || 'none'}`)
      const faults = await faultsOf(reference)
      for (const line of shortcomings(assets, faults)) output.line(line)
      output.result({
        name,
        config,
        profile: formatProfile(profile),
        parameters,
        packedBytes,
        active,
        formats,
        keyValueBytesPerPosition: keyValueBytes,
        license,
        units,
        files,
        faults,
      })
    } finally {
      await reference.source.close()
    }
  })
}

/** What keeps a local model's weights from being read. On a hub each file would cost a request. */
async function faultsOf({ remote, source }: Reference): Promise<readonly string[]> {
  return remote ? [] : ((await source.weightFaults?.()) ?? [])
}

/** What a model lacks, a line each. */
function shortcomings(assets: ReadonlyMap<string, unknown>, faults: readonly string[]): string[] {
  const hasTokenizer = tokenizerFiles.some((file) => assets.has(file))
  return [
    ...(hasTokenizer ? [] : ['no tokenizer: token ids go in and come out (--prompt-ids), and no text']),
    ...faults.map((fault) => `the model cannot be run as it is: ${fault}`),
  ]
}

/** One of them makes text of a model's tokens. */
const tokenizerFiles = ['tokenizer.json', 'tokenizer.model', 'vocab.json']

const discard: PackSink = { write: () => Promise.resolve() }

async function verify(ref: string, flags: ProfileFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, async ({ output, signal, logger }) => {
    const reference = await (await loadSwarm()).openReference(ref, { logger, signal })
    const bar = createProgressBar()
    try {
      const profile = await (await loadSwarm()).chooseProfile(reference, flags, signal)
      const tensors = await packTensors(
        reference.source,
        profile,
        unitNames(reference.source.config),
        discard,
        {
          signal,
          createHasher: createNodeHasher,
          onProgress: ({ valuesDone, valuesTotal }) =>
            bar.update({ activity: 'pack', doneBytes: valuesDone, totalBytes: valuesTotal }),
        },
      )
      const { id } = identifyManifest(buildManifest(reference.source, profile, tensors))
      output.line(`${reference.source.name} is complete: ${tensors.length} packed tensors, manifest ${id}`)
      output.result({
        name: reference.source.name,
        profile: formatProfile(profile),
        manifest: id,
        tensors: tensors.length,
      })
    } finally {
      bar.stop()
      await reference.source.close()
    }
  })
}

/** Packs a model into the data directory, where `up` and `generate` find it; a model on a hub is downloaded first. */
async function pull(ref: string, flags: ProfileFlags): Promise<void> {
  await inContext(
    flags,
    { logLevel: 'warn', logFile: false },
    async ({ output, signal, dataFolder, logger }) => {
      const swarm = await loadSwarm()
      const bar = createProgressBar()
      const reference = await swarm.openReference(ref, { logger, signal })
      try {
        const profile = await (await loadSwarm()).chooseProfile(reference, flags, signal)
        const packed = await swarm.packModel(reference, profile, {
          dataFolder,
          signal,
          logger,
          onProgress: (progress) => bar.update(progress),
        })
        const { path, manifest } = packed
        await packed.close()
        const bytes = manifest.manifest.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)
        bar.stop()
        output.line(`${manifest.manifest.name} ${formatProfile(profile)}: ${formatBytes(bytes)} in ${path}`)
        output.line(`manifest ${manifest.id}`)
        output.result({
          name: manifest.manifest.name,
          profile: formatProfile(profile),
          manifest: manifest.id,
          bytes,
          path,
        })
      } finally {
        bar.stop()
        await reference.source.close()
      }
    },
  )
}

async function makeRandom(folder: string, { kvHeads, tied = true, ...flags }: RandomFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, async ({ output, signal }) => {
    const { hidden, blocks, heads, feedForward, vocabulary, context, seed } = flags
    const shape: RandomModelShape = {
      hidden,
      blocks,
      heads,
      keyValueHeads: kvHeads,
      feedForward,
      vocabulary,
      context,
      tied,
      seed,
    }
    const bar = createProgressBar()
    try {
      makeFolder(resolve(folder))
      await writeRandomModel(folder, shape, {
        signal,
        onProgress: ({ valuesDone, valuesTotal }) =>
          bar.update({ activity: 'pack', doneBytes: valuesDone, totalBytes: valuesTotal }),
      })
    } finally {
      bar.stop()
    }
    output.line(`wrote ${folder}`)
    output.result({ folder, shape })
  })
}
