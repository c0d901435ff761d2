import {
  packedUnit,
  unitsOfRange,
  type BlockRange,
  type ModelConfig,
  type NumericProfile,
  type RankShare,
} from '@shoal/model'

/** The model as one rank sees it: fewer heads, fewer columns, the same width of the residual stream. */
export function shareConfig(config: ModelConfig, { heads, keyValueHeads, columns }: RankShare): ModelConfig {
  return {
    ...config,
    headCount: heads.end - heads.start,
    keyValueHeadCount: keyValueHeads.end - keyValueHeads.start,
    feedForwardSize: columns.end - columns.start,
  }
}

/** As `residentWeightBytes`, of a rank's share: scales are held twice once repacked. */
export function residentShareBytes(
  config: ModelConfig,
  profile: NumericProfile,
  range: BlockRange,
  share: RankShare,
): number {
  const own = shareConfig(config, share)
  return unitsOfRange(range)
    .flatMap((unit) => packedUnit(own, profile, unit))
    .reduce(
      (sum, { name, bytes }) => sum + bytes * (profile.weights !== 'f32' && name.endsWith('.scale') ? 2 : 1),
      0,
    )
}
