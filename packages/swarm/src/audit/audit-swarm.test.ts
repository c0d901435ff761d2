import { expect, test } from 'vitest'
import {
  decodeEvidence,
  encodeEvidence,
  encodeEvidenceFrame,
  protocols,
  readReceipt,
  sealReceipt,
} from '@shoal/protocol'
import { createAuditWorld, oneUlp, type AuditPeer, type AuditWorld } from '../testing/audit-world.ts'
import { auditReport, checkEvidence } from './report.ts'
import { convict } from './verdict.ts'

const guilty = (node: AuditPeer): string[] => [...node.reputation.banned().keys()].sort()

/** Sessions over random pairs of nodes that are not banned. @returns how many of the last ones were right */
async function play(
  world: AuditWorld,
  client: AuditPeer,
  nodes: readonly AuditPeer[],
  sessions: number,
): Promise<boolean[]> {
  const right: boolean[] = []
  for (let index = 0; index < sessions; index += 1) {
    const free = nodes.filter(({ peer }) => !client.reputation.banned().has(peer.name))
    const first = Math.floor(world.swarm.random.unit() * free.length)
    const second = (first + 1 + Math.floor(world.swarm.random.unit() * (free.length - 1))) % free.length
    const answer = await world.answer(client, [free[first]!, free[second]!])
    const expected = await world.right()
    right.push(answer.every((value, place) => Object.is(value, expected[place])))
  }
  return right
}

test('a swarm of five with a liar and a false accuser puts both out, and the answers are right again', async () => {
  const world = await createAuditWorld()
  const honest = [await world.addNode('a'), await world.addNode('b'), await world.addNode('c')]
  // Lies by the last bit in every single row, and never in a prompt.
  const liar = await world.addNode('liar', (output, position, rows) =>
    rows === 1 && position > 0 ? oneUlp(output, position, rows) : output,
  )
  // Right in answers, wrong in audits, which come as whole prompts: it accuses whomever it is asked about.
  const accuser = await world.addNode('accuser', (output, position, rows) =>
    rows > 16 ? oneUlp(output, position, rows) : output,
  )
  const client = await world.addClient('client', { reruns: true, share: 1 })
  await world.swarm.run(500)
  const nodes = [...honest, liar, accuser]
  await play(world, client, nodes, 8)
  expect(guilty(client)).toEqual(['accuser', 'liar'])
  for (const node of honest) expect(guilty(node)).toEqual(['accuser', 'liar'])
  expect(await play(world, client, nodes, 4)).toEqual([true, true, true, true])
  expect(guilty(client)).toEqual(['accuser', 'liar'])
  expect(client.desk.status().counts.outcomes.undecided).toBe(0)
  await world.swarm.close()
})

test('a session that ends with drafts under way is audited up to its last row, and convicts nobody', async () => {
  const world = await createAuditWorld(3)
  const nodes = [await world.addNode('a'), await world.addNode('b'), await world.addNode('c')]
  const client = await world.addClient('client', { reruns: true, share: 1 })
  await world.swarm.run(500)
  await world.answer(client, [nodes[0]!, nodes[1]!], 5)
  const { sessions, counts, evidence } = client.desk.status()
  expect(counts.outcomes).toMatchObject({ right: 1, convicted: 0, undecided: 0 })
  expect(evidence).toEqual([])
  const [answered, again] = sessions.map(({ receipts }) =>
    receipts
      .filter(({ receipt }) => receipt.position === 24)
      .sort((one, other) => one.receipt.start - other.receipt.start)
      .map(({ receipt }) => [receipt.start, receipt.in, receipt.out]),
  )
  expect(answered).toHaveLength(2)
  expect(answered).toEqual(again)
  await world.swarm.close()
})

test('evidence convicts by its bytes alone, and changed evidence convicts nobody and counts against its sender', async () => {
  const world = await createAuditWorld(2)
  const honest = [await world.addNode('a'), await world.addNode('b'), await world.addNode('c')]
  const liar = await world.addNode('liar', oneUlp)
  const client = await world.addClient('client', { reruns: true, share: 1 })
  await world.swarm.run(500)
  await world.answer(client, [liar, honest[0]!])
  const [evidence] = client.desk.status().evidence
  const { transport } = client.peer
  const verify = (peer: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> =>
    transport.verify(peer, bytes, signature)
  const read = decodeEvidence(encodeEvidence(evidence!))
  expect((await convict(read, verify))?.guilty).toMatchObject({ peer: 'liar', start: 0, end: 3 })
  const [reported] = auditReport(client.desk.status()).evidence
  expect(await checkEvidence(reported!, verify)).toMatchObject({
    guilty: 'liar',
    blocks: [0, 3],
    position: 8,
  })
  expect(await checkEvidence(reported!.slice(2), verify)).toMatchObject({ guilty: null })
  // The liar's own receipt in the place of the accused, and the other way round: no order of them convicts somebody else.
  const [own, other, ...arbiters] = read.receipts
  for (const receipts of [
    [other!, own!, ...arbiters],
    [own!, other!, arbiters[0]!, arbiters[0]!],
    [own!, other!, arbiters[0]!, other!],
    [own!, own!, ...arbiters],
  ])
    expect(await convict({ kind: 'wrong-output', receipts }, verify)).toBeNull()
  const forged = { kind: 'wrong-output', receipts: [other!, own!, ...arbiters] } as const
  const channel = await world.swarm.finished(
    liar.peer.transport.open('a', protocols.audit, { signal: new AbortController().signal }),
  )
  for (let time = 0; time < 8; time += 1) await channel.send(...encodeEvidenceFrame(forged))
  await world.swarm.run(50)
  expect(guilty(honest[0]!)).toEqual(['liar'])
  expect(honest[0]!.reputation.neighbours.isShutOut('liar')).toBe(true)
  await world.swarm.close()
})

test('a key that is no member can convict itself as often as it likes: nobody keeps that or passes it on', async () => {
  const world = await createAuditWorld(5)
  const nodes = [await world.addNode('a'), await world.addNode('b')]
  const client = await world.addClient('client', { reruns: false })
  await world.swarm.run(500)
  await world.answer(client, [nodes[0]!, nodes[1]!])
  const { transport } = client.peer
  const [{ receipts } = { receipts: [] }] = client.desk.status().sessions
  const own = { ...readReceipt(receipts[0]!.bytes), peer: transport.peerId }
  const sealed = (out: number): Promise<Uint8Array> =>
    sealReceipt({ ...own, out: new Uint8Array(32).fill(out) }, (bytes) => transport.sign(bytes))
  const evidence = { kind: 'two-receipts', receipts: [await sealed(1), await sealed(2)] } as const
  const verify = transport.verify.bind(transport)
  expect((await convict(evidence, verify))?.guilty.peer).toBe('client')
  const channel = await world.swarm.finished(
    transport.open('a', protocols.audit, { signal: new AbortController().signal }),
  )
  await channel.send(...encodeEvidenceFrame(evidence))
  await world.swarm.run(50)
  for (const node of nodes) expect([node.desk.status().evidence, guilty(node)]).toEqual([[], []])
  // It is no fault of the sender: views of who is a member differ for a while.
  expect(nodes[0]!.reputation.neighbours.isShutOut('client')).toBe(false)
  await world.swarm.close()
})

test('without two arbiters nobody is convicted: both parties are avoided, by this peer only', async () => {
  const world = await createAuditWorld(3)
  const nodes = [await world.addNode('a'), await world.addNode('b'), await world.addNode('liar', oneUlp)]
  const client = await world.addClient('client', { reruns: true, share: 1 })
  await world.swarm.run(500)
  await world.answer(client, [nodes[2]!, nodes[0]!])
  expect(client.desk.status().counts.outcomes).toMatchObject({ undecided: 1, convicted: 0 })
  expect(client.desk.status().evidence).toEqual([])
  expect(client.reputation.avoidedStages()).toContain('liar')
  for (const { reputation } of nodes) expect([...reputation.avoidedStages()]).toEqual([])
  await world.swarm.close()
})

test('without re-runs receipts are kept, and nobody computes a session again', async () => {
  const world = await createAuditWorld(4)
  const nodes = [await world.addNode('a'), await world.addNode('b'), await world.addNode('c')]
  const client = await world.addClient('client', { reruns: false, share: 1 })
  await world.swarm.run(500)
  await world.answer(client, [nodes[0]!, nodes[1]!])
  const status = client.desk.status()
  expect(status.counts).toMatchObject({ sessions: 1, audits: 0 })
  expect(status.sessions.map(({ receipts }) => receipts.length)).toEqual([4])
  await world.swarm.close()
})
