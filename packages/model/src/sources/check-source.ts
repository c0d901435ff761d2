import type { UnitName } from '../manifest/manifest.ts'
import { ModelError } from '../error.ts'
import { familyNamed } from '../families/registry.ts'
import type { ModelSource } from './model-source.ts'
import { packedSources, unitsOfRange } from '../packing/packed-layout.ts'

/**
 * Compares the source's tensors with what config says the units need, before anything is packed: every tensor is there,
 * each has the right shape, and no block has a tensor that its family would ignore (a bias, say, without which the model
 * writes wrong text).
 *
 * @throws {ModelError} `bad-model` with the tensor's name and both shapes; `unsupported-model` for one too many
 */
export async function checkSource(
  source: ModelSource,
  units: readonly UnitName[],
  signal?: AbortSignal,
): Promise<void> {
  const { config } = source
  for (const unit of units)
    for (const packed of packedSources(config, unit))
      for (const { name, rows } of packed.sources)
        await checkShape(source, name, [rows, ...packed.shape.slice(1)], signal)
  const blocks = Array.from({ length: config.blockCount }, (_, index) => index).filter((index) =>
    units.includes(`block-${index}`),
  )
  await refuseOthers(source, blocks, signal)
}

async function checkShape(
  source: ModelSource,
  name: string,
  shape: readonly number[],
  signal?: AbortSignal,
): Promise<void> {
  const { shape: stored } = await source.tensors.tensor(name, signal)
  // Convolutions of single channels are stored with an axis of one input channel.
  const found = stored.length === 3 && stored[1] === 1 ? [stored[0], stored[2]] : stored
  if (found.length === shape.length && found.every((size, axis) => size === shape[axis])) return
  throw new ModelError(
    'bad-model',
    `tensor ${name} has shape [${found.join(', ')}], but config.json needs [${shape.join(', ')}]`,
  )
}

async function refuseOthers(
  source: ModelSource,
  blocks: readonly number[],
  signal?: AbortSignal,
): Promise<void> {
  const { config } = source
  const { family } = config
  const { checkpoint } = familyNamed(family)
  // Experts are units of their own, and may be packed elsewhere.
  const expected = new Set(
    blocks
      .flatMap((index) => unitsOfRange(config, { start: index, end: index + 1 }))
      .flatMap((unit) => packedSources(config, unit).flatMap(({ sources }) => sources))
      .map(({ name }) => name),
  )
  const prefixes = blocks.map((index) => checkpoint.blockPrefix(index))
  for (const name of await source.tensors.tensorNames(signal)) {
    if (expected.has(name) || !prefixes.some((prefix) => name.startsWith(prefix))) continue
    if (checkpoint.ignored.some((ending) => name.endsWith(ending))) continue
    throw new ModelError(
      'unsupported-model',
      `tensor ${name} has no place in a ${family} block: the model is not what its config.json says`,
    )
  }
}
