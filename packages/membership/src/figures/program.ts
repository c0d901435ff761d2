/**
 * `node packages/membership/src/figures/program.ts ROUNDS`: figures of membership as lines of JSON,
 * `{"metric": …, "value": …}`; `shoal bench membership` prints their medians. Virtual time: what is measured is the
 * protocol, not the machine.
 */
import { documentAfter } from './document-bytes.ts'
import { bytesAtRest, detectionMs, healMs } from './traffic.ts'

function say(metric: string, value: number): void {
  process.stdout.write(`${JSON.stringify({ metric, value })}\n`)
}

const rounds = Number(process.argv[2] ?? 3)
for (let seed = 1; seed <= rounds; seed += 1) {
  say('healMs', await healMs(seed))
  say('detectionMs', await detectionMs(seed, 'killed'))
  say('detectionMsSilent', await detectionMs(seed, 'silent'))
  say('bytesPerPeerPerSecond16', await bytesAtRest(seed, 16))
}
// One round each: they vary little, and take long.
say('bytesPerPeerPerSecond64', await bytesAtRest(1, 64))
const figures = await documentAfter(100_000, 100, 1000)
say('documentBytes', figures.lastBytes)
say('documentBytesFirst', figures.firstBytes)
say('documentBytesMost', figures.mostBytes)
say('documentRotations', figures.rotations)
