import { ModelError } from '../error.ts'

export type WeightFormat = 'f32' | 'int8' | 'int4'

/**
 * The numeric formats of a swarm. The profile is part of the manifest, and so the same on every peer.
 *
 * `graphForm` names the form of the generated graphs. `canonical-1` means rules R1 to R5 of docs/numerics.md with three zero
 * rows in attention; another form would be another profile.
 */
export interface NumericProfile {
  readonly weights: WeightFormat
  /** Weights that share a scale, along a row; 0 for f32. */
  readonly blockSize: number
  /** `accuracy_level` of MatMulNBits: 4 = activations rounded to int8 per block; 0 for f32. */
  readonly accuracyLevel: 0 | 4
  readonly kv: 'f32' | 'int8'
  readonly graphForm: 'canonical-1'
}

/** Block sizes MatMulNBits has kernels for. */
const blockSizes = [16, 32, 64, 128]

/** Parses `f32`, `int8[:BLOCK]`, `int4[:BLOCK]` and `f32|int8` of `--weights` and `--kv`. */
export function parseProfile(weights: string, kv = 'f32'): NumericProfile {
  if (kv !== 'f32' && kv !== 'int8')
    throw new ModelError('bad-request', `--kv must be f32 or int8, not '${kv}'`)
  const [format, block, ...rest] = weights.split(':')
  if (rest.length > 0 || (format !== 'f32' && format !== 'int8' && format !== 'int4')) {
    throw new ModelError(
      'bad-request',
      `--weights must be f32, int8[:BLOCK] or int4[:BLOCK], not '${weights}'`,
    )
  }
  if (format === 'f32') {
    if (block !== undefined)
      throw new ModelError('bad-request', `--weights f32 has no block size, but '${weights}' names one`)
    return { weights: 'f32', blockSize: 0, accuracyLevel: 0, kv, graphForm: 'canonical-1' }
  }
  const blockSize = block === undefined ? 32 : Number(block)
  if (!blockSizes.includes(blockSize)) {
    throw new ModelError('bad-request', `block size must be one of ${blockSizes.join(', ')}, not '${block}'`)
  }
  return { weights: format, blockSize, accuracyLevel: 4, kv, graphForm: 'canonical-1' }
}

/** The short name of a profile: `f32`, `int4:32`, `int8:32+kv-int8`. */
export function formatProfile(profile: NumericProfile): string {
  const weights = profile.weights === 'f32' ? 'f32' : `${profile.weights}:${profile.blockSize}`
  return profile.kv === 'f32' ? weights : `${weights}+kv-${profile.kv}`
}
