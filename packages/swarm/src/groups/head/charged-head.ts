import type { MemoryBudget } from '@shoal/host'
import { decorateHead, type HeadRunner } from '@shoal/runtime'

/**
 * Loads a part of the head within a budget. Shares of blocks come first: nobody depends on a rank's part of the head,
 * since the leader computes a part that is missing itself.
 * @param bytes size of the part in memory; taken from now until the head is released, or could not be loaded
 * @throws {ShoalError} `no-capacity`, or what loading throws
 */
export async function loadChargedHead(
  memory: MemoryBudget,
  bytes: number,
  load: () => Promise<HeadRunner>,
): Promise<HeadRunner> {
  const charge = memory.reserve('head', bytes, 'the rows of this part of the head')
  try {
    const head = await load()
    return decorateHead(head, {
      async release() {
        await head.release()
        charge.free()
      },
    })
  } catch (error) {
    charge.free()
    throw error
  }
}
