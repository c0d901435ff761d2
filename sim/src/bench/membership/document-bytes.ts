import { createVirtualClock, seededRandom } from '@shoal/host'
import type { MemberRecord } from '@shoal/membership'
import { OwnWords, sealWord, swarmName, valuesOfRecord, WordStore } from '@shoal/membership/testing'
import { createMemoryNetwork, type Transport } from '@shoal/network'
import { nameOf } from './traffic.ts'

export interface DocumentFigures {
  /** Bytes of the words that make one record of each peer. */
  readonly firstBytes: number
  readonly lastBytes: number
  readonly mostBytes: number
  readonly updates: number
  readonly restarts: number
}

/** Time between two words of a peer: no reader holds back such words. */
const wordEveryMs = 2000

interface Writer {
  readonly transport: Transport
  words: OwnWords
  incarnation: number
  updates: number
}

/**
 * Bytes that a reader keeps after very many words of its owners. Words go straight to the reader, with all checks; a
 * restart begins a new life with new documents.
 */
export async function documentAfter(
  updates: number,
  peers: number,
  restarts: number,
): Promise<DocumentFigures> {
  const random = seededRandom(1)
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random })
  const writers = Array.from({ length: peers }, (_, index): Writer => {
    const transport = network.createTransport(nameOf(index))
    return { transport, words: new OwnWords(transport.peerId), incarnation: 1, updates: 0 }
  })
  const reader = new WordStore(
    { signer: network.createTransport('reader'), clock, isGone: () => false },
    swarmName,
  )
  const say = async (writer: Writer): Promise<void> => {
    writer.updates += 1
    const { transport, words, incarnation } = writer
    const body = words.next(incarnation, valuesOfRecord(recordOf(transport.peerId, writer.updates, peers)))
    if (body === undefined) throw new Error('an update changes nothing')
    const word = await sealWord(transport, swarmName, body)
    words.said(word)
    const { outcome } = await reader.receive(word.bytes)
    if (outcome !== 'accepted') throw new Error(`a word was not accepted: ${outcome}`)
    clock.advance(wordEveryMs)
  }

  for (const writer of writers) await say(writer)
  const firstBytes = reader.byteLength()
  let [said, restarted, mostBytes] = [peers, 0, firstBytes]
  const updatesPerRestart = Math.floor(updates / Math.max(1, restarts))
  while (said < updates) {
    const writer = writers[random.uint32() % peers]
    if (writer === undefined) throw new Error('a writer was chosen that is none')
    if (restarted < restarts && said >= restarted * updatesPerRestart) {
      restarted += 1
      writer.words = new OwnWords(writer.transport.peerId)
      writer.incarnation += 1
    }
    await say(writer)
    said += 1
    if (said % 200 === 0) mostBytes = Math.max(mostBytes, reader.byteLength())
  }
  const lastBytes = reader.byteLength()
  reader.close()
  return { firstBytes, lastBytes, mostBytes, updates: said, restarts: restarted }
}

/** A serving peer's record with twenty links, one of which changes with each update. */
function recordOf(
  peerId: string,
  updates: number,
  peers: number,
): Omit<MemberRecord, 'peerId' | 'incarnation' | 'seq'> {
  const count = Math.min(20, peers)
  const links = Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      nameOf(index),
      1000 + index * 17 + Math.floor((updates + index) / count),
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
    state: 'serving',
    span: { start: 0, end: 4 },
    hardware,
    numericClass: 'x64-avx512',
    addresses: [`/ip4/192.168.1.20/tcp/4001/p2p/${peerId}`],
    version: '0.1.0',
    links,
  }
}
