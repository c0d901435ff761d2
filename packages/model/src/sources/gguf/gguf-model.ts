import { ModelError } from '../../error.ts'
import { familyNamed } from '../../families/registry.ts'
import { show } from '../../json-fields.ts'
import { limits } from '../../limits.ts'
import { ggufAssets } from '../../tokenizer/gguf/gguf-assets.ts'
import type { ModelFiles } from '../range-reader.ts'
import { printable } from '../license.ts'
import { readLocatedRows } from '../located-tensor.ts'
import type { ModelSource } from '../model-source.ts'
import { widen } from '../widen.ts'
import { readGgufConfig, type TensorFacts } from './gguf-config.ts'
import { ggufTensors, type GgufPart } from './gguf-tensors.ts'
import { readGgufHeader } from './header.ts'
import { createMetadata, type Metadata } from './metadata.ts'
import { partNames, wholeName } from './part-names.ts'
import { weightsThatKeep } from './preferred-weights.ts'
import { checkpointNaming } from './tensor-names.ts'

/**
 * Opens a GGUF model: one file, or all parts of a split one. Config, tokenizer and chat template come from its metadata;
 * only headers are read. From here on the source owns `files`, and closes them also when opening fails.
 *
 * @param fileName of the file or of any of its parts
 * @throws {ModelError} `not-found`, `unsupported-model` or `bad-model` with the reason
 */
export async function openGguf(
  files: ModelFiles,
  fileName: string,
  signal?: AbortSignal,
): Promise<ModelSource> {
  try {
    return await open(files, fileName, signal)
  } catch (error) {
    await files.close()
    throw error
  }
}

async function open(files: ModelFiles, fileName: string, signal?: AbortSignal): Promise<ModelSource> {
  const names = partNames(fileName)
  if (names.length > limits.ggufPartsMax)
    throw new ModelError(
      'bad-model',
      `${fileName} is one of ${names.length} parts, more than ${limits.ggufPartsMax}`,
    )
  const parts: GgufPart[] = []
  for (const name of names) parts.push(await openPart(files, name, signal))
  const [first] = parts
  if (first === undefined) throw new ModelError('bad-model', `${fileName} is not a part of a model`)
  const metadata = createMetadata(first.header.metadata)
  const partCount = metadata.number('split.count') ?? 1
  if (partCount > 1 && partCount !== parts.length)
    throw new ModelError(
      'bad-model',
      `${fileName} belongs to a model in ${partCount} parts: their names should end in -00001-of-${String(partCount).padStart(5, '0')}.gguf`,
    )
  const config = readGgufConfig(metadata, await factsOf(parts, signal))
  const family = familyNamed(config.family)
  return {
    name: wholeName(fileName),
    config,
    assets: assetsOf(metadata, config.vocabularySize),
    tensors: ggufTensors(parts, {
      naming: checkpointNaming(family, config.blockCount),
      expertCount: config.experts?.count ?? 0,
      interleavedHeadSize: family.gguf?.interleaved === true ? config.headSize : null,
    }),
    preferredWeights: weightsThatKeep(parts.map(({ header }) => header)),
    license: async () => printable(metadata.text('general.license') ?? ''),
    close: () => files.close(),
  }
}

async function openPart(files: ModelFiles, fileName: string, signal?: AbortSignal): Promise<GgufPart> {
  const reader = await files.open(fileName)
  if (reader === null) throw new ModelError('not-found', `${files.name} has no file ${fileName}`)
  return { reader, header: await readGgufHeader(reader, fileName, signal) }
}

async function factsOf(parts: readonly GgufPart[], signal?: AbortSignal): Promise<TensorFacts> {
  const find = (name: string) =>
    parts.find(({ header }) => header.tensors.has(name) || header.skipped.has(name))
  const embedding = find('token_embd.weight')?.header.tensors.get('token_embd.weight')
  if (embedding === undefined)
    throw new ModelError(
      'unsupported-model',
      'the file has no token_embd.weight of a type that can be read: no language model',
    )
  return {
    vocabularySize: embedding.shape[0] ?? 0,
    tiedEmbeddings: find('output.weight') === undefined,
    ropeFactors: await readRopeFactors(find('rope_freqs.weight'), signal),
    expertBlocks: expertBlocksOf(parts),
  }
}

function expertBlocksOf(parts: readonly GgufPart[]): ReadonlySet<number> {
  const routers = parts
    .flatMap(({ header }) => [...header.tensors.keys()])
    .map((name) => /^blk\.(\d{1,6})\.ffn_gate_inp\.weight$/.exec(name)?.[1])
  return new Set(routers.flatMap((index) => (index === undefined ? [] : [Number(index)])))
}

/** The factors by which the angles of a rotation are divided, one for each pair of a head. */
async function readRopeFactors(part: GgufPart | undefined, signal?: AbortSignal): Promise<number[] | null> {
  const tensor = part?.header.tensors.get('rope_freqs.weight')
  if (part === undefined || tensor === undefined) return null
  const [count = 0] = tensor.shape
  if (tensor.shape.length !== 1 || count > limits.headSizeMax)
    throw new ModelError('bad-model', `rope_freqs.weight has the shape ${show(tensor.shape)}`)
  return [...widen(await readLocatedRows(tensor, part.reader, 0, count, signal))]
}

function assetsOf(metadata: Metadata, vocabularySize: number): ReadonlyMap<string, Uint8Array> {
  const tokens = metadata.texts('tokenizer.ggml.tokens')
  if (tokens !== null && tokens.length > vocabularySize)
    throw new ModelError('bad-model', `${tokens.length} tokens, but an embedding of ${vocabularySize} rows`)
  return ggufAssets(metadata)
}
