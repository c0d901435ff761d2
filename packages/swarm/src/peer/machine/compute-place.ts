import { unitBytes, type Manifest } from '@shoal/model'
import type { ComputePlace } from '@shoal/runtime'
import { swarmLimits } from '../../limits.ts'

/**
 * Where a node computes when it is not told: in a process of its own, which a crash of native code ends alone, if the model
 * is so large that the way there and back is lost in a step's noise. Groups need a thread, whose memory they share.
 */
export function computePlace(
  { config, profile }: Manifest,
  asked: ComputePlace | undefined,
  groups: boolean,
): ComputePlace {
  if (asked !== undefined) return asked
  if (groups) return 'thread'
  return unitBytes(config, profile, 'block-0') >= swarmLimits.processBlockBytes ? 'process' : 'thread'
}
