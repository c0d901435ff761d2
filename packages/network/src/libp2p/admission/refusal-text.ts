import { refusalCodes, refusalSentences, type Refusal } from '@shoal/trust'
import { RefusedDial } from '../../errors.ts'

/** libp2p passes on only the text of an error inside an upgrade: the code of a refusal is part of that text. */
export const refusalText = ({ code, message }: Refusal): string => `[not-admitted ${code}] ${message}`

/** The refusal in the text of a failed dial; null when there is none. */
export function refusalIn(text: string, peer: string): RefusedDial | null {
  const code = /\[not-admitted ([a-z-]+)\]/.exec(text)?.[1]
  const known = refusalCodes.find((candidate) => candidate === code)
  return known === undefined
    ? null
    : new RefusedDial('not-admitted', `${peer} does not admit this peer: ${refusalSentences[known]}`)
}
