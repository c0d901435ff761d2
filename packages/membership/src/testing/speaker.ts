import type { Transport } from '@shoal/network'
import { OwnWords } from '../own/own-words.ts'
import { valuesOfRecord, type MemberRecord } from '../records/record.ts'
import { sealWord, type Word, type WordBody } from '../words/word.ts'
import { memberRecord } from './member-record.ts'
import { swarmName } from './world.ts'

/** An owner without a network: it makes honest words, and signs whatever a test wants. */
export class Speaker {
  readonly transport: Transport
  #words: OwnWords
  #incarnation: number

  constructor(transport: Transport, incarnation = 1) {
    this.transport = transport
    this.#words = new OwnWords(transport.peerId)
    this.#incarnation = incarnation
  }

  /** Begins another life, as after a restart; with the same number it says other words under the same numbers. */
  restart(incarnation: number): void {
    this.#words = new OwnWords(this.transport.peerId)
    this.#incarnation = incarnation
  }

  /** The next word, by which readers come to hold this record. */
  async say(changes: Partial<MemberRecord>): Promise<Word> {
    const record = memberRecord(this.transport.peerId, changes)
    const body = this.#words.next(this.#incarnation, valuesOfRecord(record))
    if (body === undefined) throw new Error('nothing has changed')
    const word = await sealWord(this.transport, swarmName, body)
    this.#words.said(word)
    return word
  }

  /** Words of one life, each with another link. */
  async sayMany(count: number): Promise<readonly Word[]> {
    const words: Word[] = []
    for (let micros = 1; micros <= count; micros += 1)
      words.push(await this.say({ links: { other: micros } }))
    return words
  }

  /** Signs a body as it is. */
  sign(body: WordBody): Promise<Word> {
    return sealWord(this.transport, swarmName, body)
  }
}
