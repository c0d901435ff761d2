/** One life that is held alive, with the number of its newest `alive`; -1 before that has come. */
export interface RollEntry {
  readonly peer: string
  readonly incarnation: number
  readonly count: number
}

/** A number that two peers have in common when they hold the same lives alive. */
export function digestOf(entries: Iterable<RollEntry>): number {
  let digest = 0
  for (const entry of entries) digest ^= hashOfEntry(entry, 0)
  return digest >>> 0
}

/** The salted hashes of the lives held alive, in ascending order. */
export function rollOf(entries: Iterable<RollEntry>, salt: number): Uint32Array {
  return Uint32Array.from([...entries].map((entry) => hashOfEntry(entry, salt))).sort()
}

/** Lives that a neighbour with this roll does not hold as they are held here, and whether it holds one that is unknown here. */
export function compareRoll(
  entries: Iterable<RollEntry>,
  salt: number,
  theirs: Uint32Array,
): { readonly missing: readonly string[]; readonly unknown: boolean } {
  const unknown = new Set(theirs)
  const missing: string[] = []
  for (const entry of entries) if (!unknown.delete(hashOfEntry(entry, salt))) missing.push(entry.peer)
  return { missing, unknown: unknown.size > 0 }
}

/** Hash of a name (FNV-1a). */
export function hashOfName(name: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

function hashOfEntry({ peer, incarnation, count }: RollEntry, salt: number): number {
  let hash = mix(hashOfName(peer) ^ salt)
  for (const part of [incarnation % 2 ** 32, Math.floor(incarnation / 2 ** 32), count])
    hash = mix(hash ^ part)
  return hash
}

/** Finaliser of MurmurHash3. */
export function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
