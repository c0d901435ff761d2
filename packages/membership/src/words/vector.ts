import { limits, type MembersMessage } from '@shoal/protocol'
import { mix } from '../cell/roll.ts'
import type { Owner, Owners } from './owners.ts'
import type { Word } from './word.ts'

/** The salted hash of the newest that is known of each owner, in ascending order. */
export function vectorOf(owners: Owners, salt: number): Uint32Array {
  return Uint32Array.from([...owners.entries()].map(([name, owner]) => hashOf(name, owner, salt))).sort()
}

/** A number that two peers have in common when they know the same words. */
export function digestOfWords(owners: Owners): number {
  let digest = 0
  for (const [name, owner] of owners.entries())
    if (owner.chain !== undefined || owner.fault !== undefined) digest ^= hashOf(name, owner, 0)
  return digest >>> 0
}

/** What a neighbour with this vector lacks, and whether it knows something that is unknown here. */
export function compareVector(
  owners: Owners,
  salt: number,
  theirs: Uint32Array,
): { readonly missing: readonly string[]; readonly unknown: boolean } {
  const unknown = new Set(theirs)
  const missing: string[] = []
  for (const [name, owner] of owners.entries())
    if (!unknown.delete(hashOf(name, owner, salt))) missing.push(name)
  return { missing, unknown: unknown.size > 0 }
}

/** Everything that is kept of these owners, in messages within their limit. */
export function tellAll(owners: Owners, names: readonly string[]): readonly MembersMessage[] {
  const messages: MembersMessage[] = []
  let words: Uint8Array[] = []
  let byteLength = 0
  const flush = (): void => {
    if (words.length > 0) messages.push({ type: 'words', pushed: false, words })
    words = []
    byteLength = 0
  }
  for (const name of names) {
    const owner = owners.of(name)
    const kept = owner === undefined ? [] : keptOf(owner)
    if (isContradiction(kept)) {
      messages.push({ type: 'proof', words: kept.map(({ bytes }) => bytes) })
      continue
    }
    for (const { bytes } of kept) {
      if (byteLength + bytes.length + 2 > limits.maxWordsBytes) flush()
      words.push(bytes)
      byteLength += bytes.length + 2
    }
  }
  flush()
  return messages
}

/** Whether these are two words with one number, which prove a fault by themselves. */
export function isContradiction(words: readonly Word[]): boolean {
  const [a, b] = words
  return words.length === 2 && a?.seq === b?.seq
}

/** The proof of an owner's fault, or its chain when a later life has begun. */
function keptOf({ chain, fault }: Owner): readonly Word[] {
  if (fault !== undefined && (chain === undefined || chain.last.incarnation <= fault.incarnation))
    return fault.proof
  return chain?.words ?? []
}

function hashOf(name: string, { chain, fault }: Owner, salt: number): number {
  // Any proof against a life is as good as another one, so the hash does not depend on which one is kept.
  if (fault !== undefined && (chain === undefined || chain.last.incarnation <= fault.incarnation)) {
    let hash = salt
    for (const character of `${name}:${fault.incarnation}`) hash = mix(hash ^ character.charCodeAt(0))
    return mix(hash)
  }
  const bytes = chain?.hash
  if (bytes === undefined) return mix(salt)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return mix(view.getUint32(0, true) ^ mix(view.getUint32(4, true) ^ salt))
}
