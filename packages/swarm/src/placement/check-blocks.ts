import { ShoalError } from '@shoal/host'
import type { IdentifiedManifest } from '@shoal/model'

/** @throws {ShoalError} `wrong-range` for `--blocks` that the model does not have */
export function checkBlocks(
  { blocks }: { readonly blocks?: readonly [number, number] | undefined },
  { manifest }: IdentifiedManifest,
): void {
  const { blockCount } = manifest.config
  if (blocks !== undefined && blocks[1] > blockCount) {
    throw new ShoalError(
      'wrong-range',
      `--blocks ${blocks.join(':')} is outside the ${blockCount} blocks of ${manifest.name}`,
    )
  }
}
