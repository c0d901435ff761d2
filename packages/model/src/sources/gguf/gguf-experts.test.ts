import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packTensors, type PackSink } from '../../packing/pack-tensors.ts'
import { unitNames } from '../../packing/packed-layout.ts'
import { parseProfile } from '../../packing/profile.ts'
import { ggufOfCheckpoint, type Conversion } from '../../testing/gguf-of-checkpoint.ts'
import { sharedData } from '../../testing/shared-data.ts'
import { openModel, type ModelSource } from '../model-source.ts'
import { memoryFiles } from '../range-reader.ts'
import { openGguf } from './gguf-model.ts'

const golden = join(sharedData, '../golden')
const discard: PackSink = { write: () => Promise.resolve() }
const utf8 = new TextEncoder()

/** @param change fields of config.json that GGUF files cannot say, and llama.cpp decides */
async function openGolden(name: string, change: object): Promise<ModelSource> {
  const folder = join(golden, name)
  const files = new Map(
    readdirSync(folder).map((file) => [file, new Uint8Array(readFileSync(join(folder, file)))]),
  )
  const config: object = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  files.set('config.json', utf8.encode(JSON.stringify({ ...config, ...change })))
  return openModel(memoryFiles(name, files))
}

/** Keys that every file has. */
const common = ({ config }: ModelSource): Conversion['keys'] => [
  ['block_count', config.blockCount],
  ['context_length', config.contextLength],
  ['embedding_length', config.hiddenSize],
  ['feed_forward_length', config.feedForwardSize],
  ['attention.head_count', config.headCount],
  ['attention.head_count_kv', config.keyValueHeadCount],
  ['attention.key_length', config.headSize],
  ['attention.layer_norm_rms_epsilon', config.normEpsilon],
  ['rope.freq_base', config.rope.theta],
  ['expert_count', config.experts?.count ?? 0],
  ['expert_used_count', config.experts?.activeCount ?? 0],
]
const expertSize = ({ config }: ModelSource): Conversion['keys'][number] => [
  'expert_feed_forward_length',
  config.experts?.size ?? 0,
]
const ofAll = (count: number, nameOf: (expert: number) => string): readonly string[] =>
  Array.from({ length: count }, (_, expert) => nameOf(expert))
const stacked = (
  { config }: ModelSource,
  kinds: readonly string[],
  nameOf: (expert: number, part: string, kind: string) => string,
): [string, readonly string[]][] =>
  ['gate', 'up', 'down'].flatMap((part) =>
    kinds.map((kind): [string, readonly string[]] => [
      `ffn_${part}_exps.${kind}`,
      ofAll(config.experts?.count ?? 0, (expert) => nameOf(expert, part, kind)),
    ]),
  )
const usualExpert = (expert: number, part: string, kind: string): string =>
  `mlp.experts.${expert}.${part}_proj.${kind}`
const mixtralPart: Readonly<Record<string, string>> = { gate: 'w1', up: 'w3', down: 'w2' }

/** What the converter does with each family, and what of its config.json files cannot say. */
const conversions: Readonly<Record<string, { change: object; of: (source: ModelSource) => Conversion }>> = {
  qwen3_moe: {
    change: { norm_topk_prob: true },
    of: (source) => ({
      architecture: 'qwen3moe',
      keys: [...common(source), expertSize(source)],
      without: ['post_attention_norm.weight'],
      more: new Map([
        ['ffn_gate_inp.weight', ['mlp.gate.weight']],
        ...stacked(source, ['weight'], usualExpert),
      ]),
    }),
  },
  qwen2_moe: {
    change: { norm_topk_prob: false },
    of: (source) => ({
      architecture: 'qwen2moe',
      keys: [
        ...common(source),
        expertSize(source),
        ['expert_shared_feed_forward_length', source.config.experts?.sharedSize ?? 0],
      ],
      without: ['post_attention_norm.weight'],
      more: new Map([
        ['ffn_gate_inp.weight', ['mlp.gate.weight']],
        ['ffn_gate_inp_shexp.weight', ['mlp.shared_expert_gate.weight']],
        ['ffn_gate_shexp.weight', ['mlp.shared_expert.gate_proj.weight']],
        ['ffn_up_shexp.weight', ['mlp.shared_expert.up_proj.weight']],
        ['ffn_down_shexp.weight', ['mlp.shared_expert.down_proj.weight']],
        ...stacked(source, ['weight'], usualExpert),
      ]),
    }),
  },
  mixtral: {
    change: {},
    of: (source) => ({
      architecture: 'llama',
      keys: common(source),
      without: ['post_attention_norm.weight'],
      interleavedHeadSize: source.config.headSize,
      more: new Map([
        ['ffn_gate_inp.weight', ['block_sparse_moe.gate.weight']],
        ...stacked(
          source,
          ['weight'],
          (expert, part) => `block_sparse_moe.experts.${expert}.${mixtralPart[part]}.weight`,
        ),
      ]),
    }),
  },
  gpt_oss: {
    change: {},
    of: (source) => ({
      architecture: 'gpt-oss',
      keys: [
        ...common(source).filter(([key]) => key !== 'feed_forward_length'),
        expertSize(source),
        ['attention.sliding_window', 16],
        ['rope.scaling.type', 'yarn'],
        ['rope.scaling.factor', 8],
        ['rope.scaling.original_context_length', 64],
      ],
      without: ['ffn_norm.weight'],
      more: new Map([
        ['ffn_gate_inp.weight', ['mlp.router.weight']],
        ['ffn_gate_inp.bias', ['mlp.router.bias']],
        ...stacked(source, ['weight', 'bias'], usualExpert),
      ]),
    }),
  },
}

const hashesOf = async (source: ModelSource, weights: string) => {
  const tensors = await packTensors(source, parseProfile(weights), unitNames(source.config), discard)
  return tensors.map(({ name, sha256 }) => [name, sha256])
}

test.for([
  ['qwen3_moe', 'qwen3_moe', 'int4:128'],
  // Blocks without a router are dense, which no key says.
  ['qwen3_moe_mixed', 'qwen3_moe', 'f32'],
  ['qwen2_moe', 'qwen2_moe', 'f32'],
  ['mixtral', 'mixtral', 'f32'],
  ['gpt_oss', 'gpt_oss', 'f32'],
  // Experts keep their codes, as they do from safetensors.
  ['gpt_oss_mxfp4', 'gpt_oss', 'int8:128+feed-forward-int8:32'],
] as const)(
  'a GGUF file of %s is the model of its checkpoint, and is packed into the same bytes',
  async ([name, family, weights], { skip }) => {
    skip(!existsSync(join(golden, name)), `no golden model ${name}; SHOAL_TEST_DATA names the test data`)
    const { change, of } = conversions[family]!
    const source = await openGolden(name, change)
    const file = await ggufOfCheckpoint(source, of(source))
    const gguf = await openGguf(memoryFiles('test', new Map([['m.gguf', file]])), 'm.gguf')
    // These come from the tokenizer, which the file does not have.
    const { bosTokenId: _, eosTokenIds: __, ...config } = source.config
    // The file's float32 epsilon differs from that of the config in its last digits.
    expect(gguf.config).toMatchObject({ ...config, normEpsilon: expect.closeTo(config.normEpsilon, 10) })
    expect(await hashesOf(gguf, weights)).toEqual(await hashesOf(source, weights))
    expect(gguf.preferredWeights).toBe(name.endsWith('mxfp4') ? 'int8:32+head-int8:128' : null)
  },
)
