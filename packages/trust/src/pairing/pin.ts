import type { Random } from '@shoal/host'
import { linkStart, stripLink } from '../invite.ts'

const digits = /^(\d{3})[ -]?(\d{3})$/

/** The six digits of a PIN as a user types them, with or without a gap, or in a link; null for any other word. */
export function readPin(text: string): string | null {
  const match = digits.exec(stripLink(text))
  return match === null ? null : `${match[1]}${match[2]}`
}

export const pinLink = (pin: string): string => `${linkStart}${pin}`

/** Six digits, each equally likely. */
export function drawPin(random: Random): string {
  const all = 1_000_000
  // Numbers beyond the last whole multiple would make small PINs likelier.
  const most = Math.floor(2 ** 32 / all) * all
  let drawn = random.uint32()
  while (drawn >= most) drawn = random.uint32()
  return String(drawn % all).padStart(6, '0')
}
