/** One rank of `shoal bench allreduce`, in a process of its own that takes orders over IPC. */
import { silentLogger } from '@shoal/host'
import { exitWithParent, systemClock, systemRandom } from '@shoal/host/node'
import { createLibp2pTransport, createPeerKey } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import { connectBenchRank, type BenchRank, type RankAddress, type SumsRun } from './allreduce-rank.ts'

/** Messages of the parent process. */
export type RankOrder =
  | { readonly order: 'connect'; readonly rank: number; readonly peers: readonly RankAddress[] }
  | { readonly order: 'run'; readonly run: SumsRun }

exitWithParent()
const transport = await createLibp2pTransport({
  privateKey: await createPeerKey(),
  clock: systemClock,
  logger: silentLogger,
  direct: { protocols: [protocols.group], random: systemRandom },
})
let rank: BenchRank | null = null

const say = (message: object): void => void process.send?.(message)

process.on('message', (order: RankOrder) => {
  const carryOut = async (): Promise<void> => {
    if (order.order === 'connect') rank = await connectBenchRank(transport, order.rank, order.peers)
    else await rank?.run(order.run)
    say({ done: true })
  }
  void carryOut()
})
say({ address: transport.addresses()[0], peer: transport.peerId })
