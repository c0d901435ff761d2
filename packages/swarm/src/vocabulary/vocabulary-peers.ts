import type { Membership } from '@shoal/membership'
import type { Transport } from '@shoal/network'
import type { VocabularyPeer } from './remote-vocabulary.ts'

/**
 * Live peers that serve blocks. Those with the last block come first: what they compute the head of is already there, and
 * they have room for the end of the model.
 */
export function vocabularyPeers(
  membership: Pick<Membership, 'members'>,
  transport: Pick<Transport, 'learn'>,
  banned: ReadonlyMap<string, number>,
  blockCount: number,
): readonly VocabularyPeer[] {
  const serving = membership.members().flatMap(({ record, liveness }) => {
    const { peerId, numericClass, addresses, span, state } = record
    if (liveness !== 'alive' || state !== 'serving' || span === null || banned.has(peerId)) return []
    transport.learn(peerId, addresses)
    return [{ peer: peerId, numericClass, last: span.end === blockCount }]
  })
  return [...serving.filter(({ last }) => last), ...serving.filter(({ last }) => !last)]
}
