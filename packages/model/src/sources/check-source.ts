import type { UnitName } from '../manifest/manifest.ts'
import { ModelError } from '../error.ts'
import type { ModelSource } from './model-source.ts'
import { packedSources } from '../packing/packed-layout.ts'

/**
 * Compares the source's tensors with what config says the units need, before anything is packed: every tensor there,
 * each of the right shape, and none in a block that this family would ignore (a bias, say: ignoring it gives wrong text).
 *
 * @throws {ModelError} `bad-model` with the tensor's name and both shapes; `unsupported-model` for one too many
 */
export async function checkSource(
  source: ModelSource,
  units: readonly UnitName[],
  signal?: AbortSignal,
): Promise<void> {
  const expected = new Set<string>()
  const prefixes = new Set<string>()
  for (const unit of units) {
    for (const packed of packedSources(source.config, unit)) {
      for (const { name, rows } of packed.sources) {
        expected.add(name)
        const prefix = /^model\.layers\.\d+\./.exec(name)?.[0]
        if (prefix !== undefined) prefixes.add(prefix)
        const shape = [rows, ...packed.shape.slice(1)]
        const found = (await source.tensor(name, signal)).shape
        if (found.length !== shape.length || found.some((size, index) => size !== shape[index])) {
          throw new ModelError(
            'bad-model',
            `tensor ${name} has shape [${found.join(', ')}], but config.json needs [${shape.join(', ')}]`,
          )
        }
      }
    }
  }
  for (const name of await source.tensorNames(signal)) {
    const prefix = /^model\.layers\.\d+\./.exec(name)?.[0]
    // Old Llama files carry the rotary frequencies; they follow from config.json.
    if (
      prefix === undefined ||
      !prefixes.has(prefix) ||
      expected.has(name) ||
      name.endsWith('.rotary_emb.inv_freq')
    )
      continue
    throw new ModelError(
      'unsupported-model',
      `tensor ${name} has no place in a ${source.config.family} block: the model is not what its config.json says`,
    )
  }
}
