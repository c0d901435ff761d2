import type { Inhabitant } from '@shoal/membership/testing'
import { wantedBy } from '@shoal/swarm/components'
import { churnPlan } from './plans.ts'

/** Announces the span and the group that the peer's own plan gives it. */
export async function adopt({ name, membership }: Inhabitant): Promise<void> {
  const record = membership.members().find(({ record: { peerId } }) => peerId === name)?.record
  if (record === undefined) return
  const held =
    record.span === null
      ? null
      : { ...record.span, ...(record.group !== undefined && { group: record.group }) }
  const wanted = wantedBy(churnPlan(membership.snapshot()), name, held, membership.members())
  // The speed of a group matters to routes only, and there are none here.
  const alone = record.group?.alone ?? record.hardware
  await membership.announce({
    span: wanted === null ? null : { start: wanted.start, end: wanted.end },
    group: wanted?.group === undefined ? null : { ...wanted.group, alone },
  })
}
