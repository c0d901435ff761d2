import { cardSize, curve, type Leg, type MapLayout, type Place } from './layout.ts'

/** A text of the map, and the leg that it is about. */
export interface LegText extends Leg {
  readonly text: string
}

export interface PlacedText {
  readonly text: string
  /** Middle of the text. */
  readonly at: Place
}

interface Box {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** Of the map's font at 11.5 px: wide characters are rarer than narrow ones in `4.7 ms · 34 Mbit/s`. */
const characterWidth = 6.2
const textHeight = 14
/** Room between a text and what it keeps clear of. */
const gap = 3
/** Points by which a curve is known: 4 units apart on the longest leg of the map. */
const samples = 160

/**
 * Puts each text beside its leg, where it lies on no leg, card or other text and inside of the picture. Where there is no
 * such place, it lies on as few points of legs as possible, and a text that would lie on a card is left out.
 * @param legs all that are drawn
 */
export function placeTexts(
  { places, width, height }: MapLayout,
  legs: readonly Leg[],
  texts: readonly LegText[],
): PlacedText[] {
  const points = legs.flatMap((leg) => pointsOf(leg, places))
  const taken = [...places.values()].map(cardBox)
  return texts.flatMap((text) => {
    let best: { readonly at: Place; readonly cost: number } | null = null
    for (const at of candidates(text, places)) {
      const box = textBox(text.text, at)
      const cost =
        points.filter((point) => holds(box, point)).length +
        // A card hides more than a line does, and what leaves the picture cannot be read at all.
        samples * taken.filter((other) => overlap(box, other)).length +
        (box.left < 0 || box.right > width || box.top < 0 || box.bottom > height ? 3 * samples : 0)
      if (best === null || cost < best.cost) best = { at, cost }
      if (cost === 0) break
    }
    // On a narrow screen a short leg may have no place beside it: the table of peers has the figures too.
    if (best === null || best.cost >= samples) return []
    taken.push(textBox(text.text, best.at))
    return [{ text: text.text, at: best.at }]
  })
}

/** From the middle of the leg to its ends, and from near the leg to farther away, on both sides. */
function candidates(leg: LegText, places: ReadonlyMap<string, Place>): Place[] {
  const [from, to] = [places.get(leg.from), places.get(leg.to)]
  if (from === undefined || to === undefined) return []
  const { at, normal } = curve(from, to)
  const half = { x: (leg.text.length * characterWidth) / 2 + gap, y: textHeight / 2 + gap }
  // As far as the text reaches towards the leg.
  const reach = Math.abs(normal.x) * half.x + Math.abs(normal.y) * half.y
  return [0, 8, 20, 36, 56].flatMap((farther) =>
    [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74].flatMap((share) =>
      [1, -1].map((side) => {
        const { x, y } = at(share)
        const away = side * (reach + 2 + farther)
        return { x: Math.round(x + normal.x * away), y: Math.round(y + normal.y * away) }
      }),
    ),
  )
}

function pointsOf({ from, to }: Leg, places: ReadonlyMap<string, Place>): Place[] {
  const [a, b] = [places.get(from), places.get(to)]
  if (a === undefined || b === undefined) return []
  const { at } = curve(a, b)
  return Array.from({ length: samples + 1 }, (_, index) => at(index / samples))
}

function textBox(text: string, { x, y }: Place): Box {
  const half = { x: (text.length * characterWidth) / 2 + gap, y: textHeight / 2 + gap }
  return { left: x - half.x, right: x + half.x, top: y - half.y, bottom: y + half.y }
}

const cardBox = ({ x, y }: Place): Box => ({
  left: x - cardSize.width / 2,
  right: x + cardSize.width / 2,
  top: y - cardSize.height / 2,
  bottom: y + cardSize.height / 2,
})

const holds = ({ left, right, top, bottom }: Box, { x, y }: Place): boolean =>
  x > left && x < right && y > top && y < bottom

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
