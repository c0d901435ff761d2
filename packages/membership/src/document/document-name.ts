import { memberLimits } from '../limits.ts'

/** How a document named in a message relates to this peer's. */
export type DocumentAge = 'same' | 'older' | 'newer' | 'foreign'

/** `<manifest id>/<rotation>`. */
export function documentName(swarm: string, rotation: number): string {
  return `${swarm}/${rotation}`
}

/** The rotation in a document's name; undefined for a name of another swarm, and for one that is malformed. */
export function rotationIn(swarm: string, name: string): number | undefined {
  const [manifest, number, ...rest] = name.split('/')
  const rotation = Number(number)
  if (manifest !== swarm || rest.length > 0) return undefined
  if (!Number.isSafeInteger(rotation) || String(rotation) !== number || rotation < 0) return undefined
  return rotation
}

/** Compares a document's name with this peer's rotation. A rotation far ahead is as foreign as another swarm. */
export function documentAge(swarm: string, rotation: number, name: string): DocumentAge {
  const theirs = rotationIn(swarm, name)
  if (theirs === undefined || theirs > rotation + memberLimits.maxRotationJump) return 'foreign'
  return theirs === rotation ? 'same' : theirs < rotation ? 'older' : 'newer'
}
