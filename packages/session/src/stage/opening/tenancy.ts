import type { Owner, Stage } from '../stage.ts'
import type { Promised, StageOffer } from './admission.ts'
import type { StageOpeningContext } from './opening-context.ts'
import type { Tenancy } from './shares.ts'

/** Sessions that are open here, for the limits on their number. */
export function countSessions(
  { table, peers }: StageOpeningContext,
  owner: Owner,
): Pick<StageOffer, 'sessions' | 'sessionsOfPeer' | 'sessionsOfStrangers'> {
  const stages = table.list()
  return {
    sessions: table.size,
    sessionsOfPeer: stages.filter((stage) => stage.owner.account === owner.account).length,
    sessionsOfStrangers: stages.filter((stage) => peers.standing(stage.owner.peer) === 'stranger').length,
  }
}

/** @param reserved stages of the runner that have memory, `stage` included */
export function tenancyOf(
  stage: Stage,
  reserved: readonly Stage[],
  peers: StageOpeningContext['peers'],
): Tenancy {
  const memory = stage.runner.memory()
  const { cells } = promisedTo(reserved)
  const cellBytes = cells === 0 ? 0 : memory.reservedBytes / cells
  const bytesOf = (stages: readonly Stage[]): number => {
    const promised = promisedTo(stages)
    return promised.cells * cellBytes + promised.journalBytes
  }
  // Stages of one session at this runner count as one: its second span must not be refused after its first.
  const others = reserved.filter((other) => other.id !== stage.id || other.owner !== stage.owner)
  const isOwn = ({ owner }: Stage): boolean => owner.account === stage.owner.account
  return {
    roomBytes: memory.limitBytes - memory.weightBytes,
    wantedBytes: bytesOf(reserved.filter((other) => !others.includes(other))),
    ownBytes: bytesOf(others.filter(isOwn)),
    othersBytes: bytesOf(others.filter((other) => !isOwn(other))),
    strangersBytes: bytesOf(others.filter(({ owner }) => peers.standing(owner.peer) === 'stranger')),
  }
}

/** Memory that these sessions may grow to. */
export function promisedTo(stages: readonly Stage[]): Promised {
  return {
    journalBytes: stages.reduce((sum, { session }) => sum + session.journalBudgetBytes, 0),
    cells: stages.reduce((sum, { session, start, end }) => sum + session.tokenBudget * (end - start), 0),
  }
}
