import { createVirtualClock, seededRandom } from '@shoal/host'
import { membershipProfiles, type MemberRecord } from '@shoal/membership'
import { Replica, sealRecord, swarmName } from '@shoal/membership/testing'
import { createMemoryNetwork, type Transport } from '@shoal/network'
import { nameOf } from './traffic.ts'

export interface DocumentFigures {
  /** Bytes of a document with one record of each peer. */
  readonly firstBytes: number
  readonly lastBytes: number
  readonly mostBytes: number
  readonly rotations: number
  readonly updates: number
  readonly restarts: number
}

const updatesPerTurn = 200

interface Writer {
  readonly transport: Transport
  replica: Replica
  incarnation: number
  seq: number
}

/**
 * Size of a reader's document after very many updates by its owners. Updates go straight from replica to
 * replica, with all checks; a restart takes a new yjs client and begins with the reader's state; a document that has
 * outgrown its records is replaced, as gossip does it.
 */
export async function documentAfter(
  updates: number,
  peers: number,
  restarts: number,
): Promise<DocumentFigures> {
  const random = seededRandom(1)
  const network = createMemoryNetwork({ clock: createVirtualClock(), random })
  const { rotateAtBytes } = membershipProfiles.lan
  const createPeer = (signer: Transport): Replica =>
    new Replica(
      { signer, random: seededRandom(random.uint32()), isGone: () => false },
      swarmName,
      rotateAtBytes,
    )
  const writers = Array.from({ length: peers }, (_, index): Writer => {
    const transport = network.createTransport(nameOf(index))
    return { transport, replica: createPeer(transport), incarnation: 1, seq: 0 }
  })
  const reader = createPeer(network.createTransport('reader'))
  const say = async (writer: Writer): Promise<void> => {
    writer.seq += 1
    const { replica, transport, incarnation, seq } = writer
    await reader.receive(
      replica.put(
        await sealRecord(
          transport,
          swarmName,
          recordOf(
            transport.peerId,
            { incarnation, seq, writer: replica.writer, clock: replica.clock },
            peers,
          ),
        ),
      ),
    )
  }

  for (const writer of writers) await say(writer)
  const firstBytes = reader.byteLength()
  let [said, restarted, rotations, mostBytes] = [peers, 0, 0, firstBytes]
  const updatesPerRestart = Math.floor(updates / Math.max(1, restarts))
  while (said < updates) {
    const writer = writers[random.uint32() % peers]
    if (writer === undefined) throw new Error('a writer was chosen that is none')
    if (restarted < restarts && said >= restarted * updatesPerRestart) {
      restarted += 1
      writer.replica.close()
      writer.replica = createPeer(writer.transport)
      if (rotations > 0) writer.replica.rotate(reader.name)
      await writer.replica.receive(reader.missing(Uint8Array.of(0)))
      writer.incarnation += 1
      writer.seq = 0
    }
    await say(writer)
    said += 1
    // About as many as in one turn of gossip, which measures the document no more often.
    if (said % updatesPerTurn !== 0) continue
    mostBytes = Math.max(mostBytes, reader.byteLength())
    if (!reader.isOvergrown()) continue
    rotations += 1
    reader.rotate()
    for (const other of writers) {
      other.replica.rotate(reader.name)
      await say(other)
      said += 1
    }
  }
  const known = reader.roster
    .all()
    .filter(({ record }) =>
      writers.some(
        ({ transport, incarnation, seq }) =>
          record.peerId === transport.peerId && record.incarnation === incarnation && record.seq === seq,
      ),
    )
  if (known.length !== peers)
    throw new Error(`the reader knows the newest word of ${known.length} of ${peers} peers`)
  return {
    firstBytes,
    lastBytes: reader.byteLength(),
    mostBytes,
    rotations,
    updates: said,
    restarts: restarted,
  }
}

/** A serving peer's record with twenty links. */
function recordOf(
  peerId: string,
  place: Pick<MemberRecord, 'incarnation' | 'seq' | 'writer' | 'clock'>,
  peers: number,
): MemberRecord {
  const links = Object.fromEntries(
    Array.from({ length: Math.min(20, peers) }, (_, index) => [
      nameOf(index),
      1000 + ((place.seq * 31 + index * 977) % 5000),
    ]),
  )
  const hardware = {
    memoryBytes: 8 * 2 ** 30,
    decodeMicrosPerBlock: 1234,
    prefillMicrosPerRowBlock: 123,
    bandwidthBytesPerSecond: 100_000_000,
    device: 'cpu',
    threads: 4,
  }
  return {
    peerId,
    ...place,
    state: 'serving',
    span: { start: 0, end: 4 },
    hardware,
    numericClass: 'x64-avx512',
    addresses: [`/ip4/192.168.1.20/tcp/4001/p2p/${peerId}`],
    version: '0.1.0',
    links,
  }
}
