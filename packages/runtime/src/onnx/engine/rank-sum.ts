import type { Clock, Random } from '@shoal/host'
import type { CreateThreadSum, SumThread } from '../../block-runner.ts'
import type { RankSum } from '../computers/rank-chain.ts'
import { mailboxSum } from '../host/mailbox.ts'

/** The clock and the randomness of the process or thread that computes. */
export interface EngineHost {
  readonly clock: Clock
  readonly random: Random
}

/**
 * How a rank's partial sums are added up: by this thread itself where `thread` names a module for it and the module has a
 * lane at the moment, else by the device's side, through shared memory.
 */
export async function createRankSum(
  host: EngineHost,
  mailbox: SharedArrayBuffer,
  thread: SumThread | null,
): Promise<RankSum> {
  const blocking = mailboxSum(mailbox)
  if (thread === null) return blocking
  // The module belongs to a package above this one, so its caller names it instead of it being imported here.
  const { createThreadSum } = (await import(thread.module)) as { createThreadSum: CreateThreadSum }
  const own = createThreadSum(thread.port, host)
  return (partial, computedMs) => own(partial) ?? blocking(partial, computedMs)
}
