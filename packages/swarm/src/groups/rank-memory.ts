import { ShoalError } from '@shoal/host'
import { decorateHead, decorateRunner, type BlockRunner, type HeadRunner } from '@shoal/runtime'

/**
 * What leaders have a rank hold, under one limit. A share keeps to it by itself, told what others use; parts of the head take what shares and
 * their sessions leave, and are missed by nobody: the leader computes them itself.
 */
export interface RankMemory {
  /** Shares with what their sessions may grow to, and parts of the head. @param except a share that asks what others use */
  usedBytes(except?: BlockRunner): number
  /** Counts it until it is released. */
  share(runner: BlockRunner): BlockRunner
  /** Counts `bytes` from now until the head is released, or was not loaded. @throws {ShoalError} `no-capacity`, or what loading throws */
  head(bytes: number, load: () => Promise<HeadRunner>): Promise<HeadRunner>
}

export function createRankMemory(limitBytes: number): RankMemory {
  const shares = new Set<BlockRunner>()
  let headBytes = 0
  const usedBytes = (except?: BlockRunner): number =>
    [...shares].reduce((sum, share) => {
      const { weightBytes, reservedBytes } = share.memory()
      return share === except ? sum : sum + weightBytes + reservedBytes
    }, headBytes)

  return {
    usedBytes,
    share(runner) {
      shares.add(runner)
      return decorateRunner(runner, {
        async release() {
          shares.delete(runner)
          await runner.release()
        },
      })
    },
    async head(bytes, load) {
      const others = usedBytes()
      if (others + bytes > limitBytes)
        throw new ShoalError(
          'no-capacity',
          `this part of the head needs ${bytes} bytes, the limit is ${limitBytes}, and ${others} are in use`,
        )
      headBytes += bytes
      let counted = true
      const uncount = (): void => {
        if (counted) headBytes -= bytes
        counted = false
      }
      try {
        const head = await load()
        return decorateHead(head, {
          async release() {
            await head.release()
            uncount()
          },
        })
      } catch (error) {
        uncount()
        throw error
      }
    },
  }
}
