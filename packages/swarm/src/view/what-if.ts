import { ShoalError } from '@shoal/host'
import type { Snapshot, SnapshotMember } from '@shoal/membership'
import type { Plan } from '@shoal/planner'
import type { NewDevice, Outlook, SwarmChange } from '../types.ts'
import { noMember } from './no-member.ts'

/** A device that is not there yet is called so in a plan. */
const newName = (index: number): string => `new-${index + 1}`

/** A link to a device that is not there yet, where no link of the swarm has been measured: one of a home network. */
const unknownLinkMicros = 1_000

/**
 * A snapshot with devices added and members taken away. What is not said of a new device is that of the member in the
 * middle: its speed, its links and its numeric class.
 * @throws {ShoalError} `bad-request` for a peer that is no member, or a swarm without members
 */
export function changedSnapshot({ members }: Snapshot, { add, remove }: SwarmChange): Snapshot {
  const stranger = remove.find((peer) => !members.some(({ peerId }) => peerId === peer))
  if (stranger !== undefined) throw new ShoalError('bad-request', `no member is called ${stranger}`)
  const pattern = middle(members, ({ hardware }) => hardware.decodeMicrosPerBlock)
  if (pattern === undefined) throw new ShoalError('bad-request', 'this swarm has no members yet')
  const links = members.flatMap((member) => Object.values(member.links))
  const linkMicros = middle(links, (micros) => micros) ?? unknownLinkMicros
  const rest = members.filter(({ peerId }) => !remove.includes(peerId))
  const added = add.map((device, index) => memberOf(device, newName(index), pattern))
  const all = [...rest, ...added]
  const names = new Set(added.map(({ peerId }) => peerId))
  const linked = all.map((member) => {
    const others = all.filter(
      (other) => other !== member && (names.has(other.peerId) || names.has(member.peerId)),
    )
    return {
      ...member,
      links: { ...member.links, ...Object.fromEntries(others.map(({ peerId }) => [peerId, linkMicros])) },
    }
  })
  return { members: linked.sort((a, b) => (a.peerId < b.peerId ? -1 : 1)) }
}

function memberOf(
  { memoryBytes, decodeMsPerBlock }: NewDevice,
  name: string,
  pattern: SnapshotMember,
): SnapshotMember {
  // A leader's hardware is that of its group.
  const usual = pattern.group?.alone ?? pattern.hardware
  const faster = decodeMsPerBlock === null ? 1 : (decodeMsPerBlock * 1000) / usual.decodeMicrosPerBlock
  const scaled = (micros: number): number => Math.max(1, Math.round(micros * faster))
  return {
    ...noMember(name),
    incarnation: 1,
    numericClass: pattern.numericClass,
    hardware: {
      ...usual,
      memoryBytes,
      decodeMicrosPerBlock: scaled(usual.decodeMicrosPerBlock),
      prefillMicrosPerRowBlock: scaled(usual.prefillMicrosPerRowBlock),
    },
  }
}

function middle<Value>(values: readonly Value[], by: (value: Value) => number): Value | undefined {
  return values.toSorted((a, b) => by(a) - by(b))[Math.floor(values.length / 2)]
}

/** What a plan would give. */
export function outlookOf({ placements, uncovered, prediction }: Plan): Outlook {
  return {
    placements: placements.map(({ peer, start, end }) => ({ peer, start, end })),
    uncovered: uncovered.map(({ start, end }) => [start, end]),
    prediction:
      prediction === null
        ? null
        : {
            tokensPerSecond: 1_000_000 / prediction.tpotMicros,
            ttftMs: prediction.ttftMicros / 1000,
            promptTokens: prediction.promptTokens,
            togetherTokensPerSecond: prediction.tokensPerSecond,
          },
  }
}
