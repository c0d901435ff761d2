import { membershipProfiles, type MembershipProfile } from '@shoal/membership'

interface Places {
  readonly lan: boolean
  readonly listen: readonly string[]
  readonly join: readonly string[]
}

const isOfThisMachine = (address: string): boolean =>
  address === 'none' || /^\/(ip4\/127\.|ip6\/::1\/)/.test(address)

/**
 * Times of the failure detector: those of one machine only where this node and those that it joins stay on it. Beyond it the
 * faster beats would cost a battery and a network twice as much.
 */
export const memberProfile = ({ lan, listen, join }: Places): MembershipProfile =>
  lan || ![...listen, ...join].every(isOfThisMachine) ? membershipProfiles.lan : membershipProfiles.local
