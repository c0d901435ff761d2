import { openReceipt, type Receipt } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { settled } from '@shoal/host/testing'
import { createCoordinator, type Coordinator } from '../coordinator/coordinator.ts'
import { finderOf, kill } from '../testing/fake-failover.ts'
import { createFakeSwarm, type FakeSwarm } from '../testing/fake-swarm.ts'

interface Bench {
  readonly swarm: FakeSwarm
  readonly coordinator: Coordinator
  /** Receipts that have come, with a good signature of their sender. */
  readonly receipts: Receipt[]
  readonly unexpected: unknown[]
}

function createBench(): Bench {
  const swarm = createFakeSwarm()
  const transport = swarm.network.createTransport('asker')
  const receipts: Receipt[] = []
  const onReceipt = async (peer: string, bytes: Uint8Array): Promise<void> => {
    const sealed = await openReceipt(bytes, (id, signed, signature) =>
      transport.verify(id, signed, signature),
    )
    expect(sealed?.receipt.peer).toBe(peer)
    if (sealed !== null) receipts.push(sealed.receipt)
  }
  const unexpected: unknown[] = []
  const coordinator = createCoordinator(
    { transport, clock: swarm.clock, logger: swarm.logger },
    {
      onReceipt: (peer, bytes) =>
        void onReceipt(peer, bytes).catch((error: unknown) => unexpected.push(error)),
    },
  )
  return { swarm, coordinator, receipts, unexpected }
}

const of = ({ receipts }: Bench, peer: string): Receipt[] =>
  receipts.filter((receipt) => receipt.peer === peer).sort((one, other) => one.position - other.position)

test('each stage signs a receipt for 8 rows, for each 64, and at the end, and what one sends is what the next one gets', async () => {
  const bench = createBench()
  const session = await bench.swarm.open({ receipts: true }, bench.coordinator)
  await session.forward(bench.swarm.rows(130), { want: 'last' })
  for (let step = 0; step < 10; step += 1) await session.forward(bench.swarm.rows(1), { want: 'last' })
  await session.close()
  await settled()
  const [first, second, third] = ['node-0', 'node-1', 'node-2'].map((peer) => of(bench, peer))
  expect(bench.unexpected).toEqual([])
  for (const receipts of [first, second, third])
    expect(receipts!.map(({ position, rows }) => [position, rows])).toEqual([
      [8, 8],
      [64, 56],
      [128, 64],
      [140, 12],
    ])
  expect(first!.map((receipt) => receipt.out)).toEqual(second!.map((receipt) => receipt.in))
  expect(second!.map((receipt) => receipt.out)).toEqual(third!.map((receipt) => receipt.in))
})

test('the same rows through another peer, in other chunks and after a rewind, give the same hashes', async () => {
  const bench = createBench()
  const rows = bench.swarm.rows(100)
  const session = await bench.swarm.open({ receipts: true }, bench.coordinator)
  await session.forward(rows.slice(0, 50 * 8), { want: 'last' })
  await session.forward(bench.swarm.rows(5), { want: 'last' })
  await session.forward(rows.slice(50 * 8), { want: 'last', position: 50 })
  expect(session.sent()).toEqual(rows)
  await session.close()
  const other = bench.swarm.addNode('other', { start: 2, end: 4 })
  const route = bench.swarm.nodes.map(({ stage }, index) => (index === 1 ? other.stage : stage))
  const again = await bench.swarm.open({ receipts: true, route }, bench.coordinator)
  await again.forward(rows, { want: 'last' })
  await again.close()
  await settled()
  expect(of(bench, 'other')[2]).toMatchObject({ position: 100, rows: 36 })
  for (const position of [64, 100]) {
    const [one, two] = ['node-1', 'other'].map((peer) =>
      of(bench, peer).find((r) => r.position === position)!,
    )
    expect([one!.in, one!.out]).toEqual([two!.in, two!.out])
  }
})

test('the last receipt is for the rows that count, also where one was signed for drafts behind them', async () => {
  const bench = createBench()
  const rows = bench.swarm.rows(62)
  const sessions = ['drafted', 'plain'].map((session) =>
    bench.swarm.open({ receipts: true, keep: true, session }, bench.coordinator),
  )
  const [drafted, plain] = await Promise.all(sessions)
  for (const session of [drafted!, plain!]) await session.forward(rows, { want: 'last' })
  await drafted!.forward(bench.swarm.rows(9), { want: 'all' })
  drafted!.forget!(62)
  expect(drafted!.certain).toBe(62)
  await drafted!.close()
  await plain!.close()
  await settled()
  const last = of(bench, 'node-1').filter(({ position }) => position === 62)
  expect(last.map((receipt) => receipt.rows)).toEqual([54, 54])
  expect([last[0]!.in, last[0]!.out]).toEqual([last[1]!.in, last[1]!.out])
  expect(of(bench, 'node-1').map(({ position }) => position)).toEqual([8, 8, 62, 62, 64])
})

test('a session goes on behind rows that were forgotten', async () => {
  const bench = createBench()
  const rows = bench.swarm.rows(80)
  const session = await bench.swarm.open({ receipts: true }, bench.coordinator)
  await session.forward(rows.slice(0, 60 * 8), { want: 'last' })
  await session.forward(bench.swarm.rows(9), { want: 'all' })
  session.forget!(60)
  expect(session.length).toBe(60)
  const local = await (await bench.swarm.openLocal()).forward(rows, { want: 'last' })
  expect(await session.forward(rows.slice(60 * 8), { want: 'last' })).toEqual(local)
  await session.close()
  await settled()
  expect(of(bench, 'node-1').map((receipt) => [receipt.position, receipt.rows])).toEqual([
    [8, 8],
    [64, 56],
    [64, 56],
    [80, 16],
  ])
})

test('a stage that replaces a lost one signs for all rows again, with the same hashes', async () => {
  const bench = createBench()
  const spare = bench.swarm.addNode('spare', { start: 2, end: 4 })
  const routes = finderOf(bench.swarm, [spare])
  const session = await bench.swarm.open({ receipts: true, routes }, bench.coordinator)
  await session.forward(bench.swarm.rows(70), { want: 'last' })
  kill(bench.swarm, 'node-1')
  await bench.swarm.finished(session.forward(bench.swarm.rows(1), { want: 'last' }))
  await session.close()
  await settled()
  expect(of(bench, 'spare').map(({ position }) => position)).toEqual([8, 64, 71])
  expect(of(bench, 'spare')[1]!.out).toEqual(of(bench, 'node-1')[1]!.out)
})

test('a coordinator that wants no receipts gets none', async () => {
  const bench = createBench()
  const session = await bench.swarm.open({}, bench.coordinator)
  await session.forward(bench.swarm.rows(70), { want: 'last' })
  await session.close()
  await settled()
  expect(bench.receipts).toEqual([])
})
