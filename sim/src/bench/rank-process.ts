/** A rank in a process of its own, for benches that lead a group: `fork(program, [model, dataFolder])` answers with its address. */
import { silentLogger } from '@shoal/host'
import { exitWithParent, systemClock, systemRandom } from '@shoal/host/node'
import { startRank } from '@shoal/swarm/node'

exitWithParent()
const [, , model, dataFolder, weights] = process.argv
if (model === undefined || dataFolder === undefined) throw new Error('rank-process MODEL DATA [WEIGHTS]')
const rank = await startRank(
  { clock: systemClock, random: systemRandom, logger: silentLogger },
  {
    model,
    weights,
    join: [],
    listen: [],
    lan: false,
    leaders: null,
    memoryBytes: 8 * 2 ** 30,
    threads: 1,
    dataFolder,
  },
)
process.send?.({ address: rank.addresses()[0] })
