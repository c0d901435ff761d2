import { silentLogger } from '@shoal/host'
import type { Membership, MembershipEvent } from '@shoal/membership'
import { expect, test } from 'vitest'
import { watchMembers } from './watch-members.ts'

test.each([
  { cause: 'stood-still', drops: true },
  { cause: 'older-record', drops: true },
  // Other members could not hear this node, but its coordinators perhaps could, and nothing was lost here.
  { cause: 'held-dead', drops: false },
] as const)(
  'an incarnation that ends because it was $cause drops its sessions: $drops',
  ({ cause, drops }) => {
    let listener: (event: MembershipEvent) => void = () => undefined
    const membership: Pick<Membership, 'onEvent'> = {
      onEvent(heard) {
        listener = heard
        return () => undefined
      },
    }
    let dropped = false
    const told: string[] = []
    watchMembers(
      { transport: { peerId: 'self' }, membership, logger: silentLogger },
      ({ event }) => told.push(event),
      () => void (dropped = true),
    )
    listener({ type: 'self-expired', incarnation: 1, next: 2, cause })
    expect(dropped).toBe(drops)
    listener({ type: 'peer-joined', peer: 'self', incarnation: 2 })
    listener({ type: 'peer-joined', peer: 'other', incarnation: 1 })
    expect(told).toEqual(['self-expired', 'peer-joined'])
  },
)
