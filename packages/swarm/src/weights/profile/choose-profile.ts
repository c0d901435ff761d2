import { ShoalError } from '@shoal/host'
import {
  formatProfile,
  formatWeights,
  ggufWeights,
  parseProfile,
  profileOfBlocks,
  type KeyValueFormat,
  type NumericProfile,
} from '@shoal/model'
import type { Reference } from '../reference.ts'

/** `--weights` and `--kv`. */
export interface ProfileWish {
  readonly weights?: string | undefined
  readonly kv?: string | undefined
}

/**
 * The profile with which a model is packed. Only `gguf` reads the model for it: the headers of its files.
 * @throws {ModelError} `bad-request` for words that are none, and for `gguf` without a quantised file
 */
export async function chooseProfile(
  { source, defaultProfile }: Pick<Reference, 'source' | 'defaultProfile'>,
  { weights, kv = defaultProfile.kv }: ProfileWish,
  signal?: AbortSignal,
): Promise<NumericProfile> {
  if (weights === undefined) return { ...defaultProfile, kv: keyValuesOf(kv) }
  return weights === ggufWeights
    ? profileOfBlocks(source, keyValuesOf(kv), signal)
    : parseProfile(weights, kv)
}

/**
 * Checks that a swarm has the profile that was asked for. `gguf` asks for the formats of a file, whichever they are: where a
 * file is named too, its manifest is compared.
 * @throws {ShoalError} `wrong-profile` naming both
 */
export function checkProfileWish({ weights, kv }: ProfileWish, model: string, profile: NumericProfile): void {
  const found = formatProfile(profile)
  const wished = wishedName(weights ?? formatWeights(profile), kv ?? profile.kv, profile)
  if (wished === found) return
  const asked = [weights === undefined ? [] : '--weights', kv === undefined ? [] : '--kv']
    .flat()
    .join(' and ')
  throw new ShoalError(
    'wrong-profile',
    `${wished} is asked for (${asked}), but the swarm serves ${model} with ${found}: leave ${asked} out to take the swarm's, or create another swarm`,
  )
}

/** The name of the profile that is wished, beside that of the swarm. */
function wishedName(weights: string, kv: string, profile: NumericProfile): string {
  const wished = { ...profile, kv: keyValuesOf(kv) }
  const takesAny = weights === ggufWeights && profile.matrices !== undefined
  if (takesAny || weights === formatWeights(profile)) return formatProfile(wished)
  return weights === ggufWeights ? weights : formatProfile(parseProfile(weights, kv))
}

const keyValuesOf = (kv: string): KeyValueFormat => parseProfile('f32', kv).kv
