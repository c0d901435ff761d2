import type { ModelConfig } from '../config/model-config.ts'
import { packedTensors } from './packed-layout.ts'
import { parseProfile, type NumericProfile } from './profile.ts'

/** The weights that computing one token reads: all of a dense model; of experts, the active ones. */
export interface ActiveWeights {
  readonly parameters: number
  readonly bytes: number
}

/** The embedding counts where it is the head's matrix too; otherwise one of its rows is read. */
export function activeWeights(config: ModelConfig, profile: NumericProfile): ActiveWeights {
  return { parameters: bytesRead(config, parseProfile('f32')) / 4, bytes: bytesRead(config, profile) }
}

function bytesRead(config: ModelConfig, profile: NumericProfile): number {
  const { experts, tiedEmbeddings } = config
  return packedTensors(config, profile).reduce((sum, { unit, bytes }) => {
    if (unit === 'embed' && !tiedEmbeddings) return sum
    const isExpert = experts !== undefined && unit.includes('-expert-')
    return sum + (isExpert ? (bytes * experts.activeCount) / experts.count : bytes)
  }, 0)
}
