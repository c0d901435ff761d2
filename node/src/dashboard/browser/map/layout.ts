/** Where everything of the map stands. Coordinates are those of the SVG's view box. */
export interface MapLayout {
  readonly width: number
  readonly height: number
  /** Peers as cards with text, or as dots where there are too many for cards. */
  readonly form: 'card' | 'dot'
  readonly places: ReadonlyMap<string, Place>
}

export interface Place {
  readonly x: number
  readonly y: number
}

export const cardSize = { width: 164, height: 90 } as const
const dotRadius = 22
/** More cards would overlap on the ellipse. */
const cardsMax = 10
/** Beside and above each other on a narrow screen. */
const narrowCardsMax = 4
/** Dots of one ring. */
const ringMax = 24
const margin = 10

/**
 * Puts the peer that this page comes from into the middle, and the others around it in the order in which a token passes
 * them, so that the path of a token goes round once.
 * @param around in that order, without `centre`
 */
export function layoutMap(centre: string, around: readonly string[], wide: boolean): MapLayout {
  // On a narrow screen two cards fit beside each other.
  const form = around.length <= (wide ? cardsMax : narrowCardsMax) ? 'card' : 'dot'
  const [width, height] = sizeOf(around.length, wide)
  const half =
    form === 'card' ? { x: cardSize.width / 2, y: cardSize.height / 2 } : { x: dotRadius, y: dotRadius }
  const inside = { x: width / 2 - half.x - margin, y: height / 2 - half.y - margin }
  const middle = { x: width / 2, y: height / 2 }
  const at = ({ x, y }: Place, share = 1): Place => ({
    x: round(middle.x + x * inside.x * share),
    y: round(middle.y + y * inside.y * share),
  })
  if (around.length <= 2) {
    const corners: readonly Place[] =
      around.length === 1
        ? [{ x: 1, y: 0 }]
        : [
            { x: -1, y: -1 },
            { x: 1, y: -1 },
          ]
    const own: Place =
      around.length === 0 ? { x: 0, y: 0 } : around.length === 1 ? { x: -1, y: 0 } : { x: 0, y: 1 }
    const places = new Map([
      [centre, at(own)],
      ...around.map((peer, index) => [peer, at(corners[index]!)] as const),
    ])
    return { width, height, form, places }
  }
  const rings = Math.ceil(around.length / ringMax)
  const perRing = Math.ceil(around.length / rings)
  const places = new Map<string, Place>([[centre, middle]])
  for (let ring = 0; ring < rings; ring += 1) {
    const peers = around.slice(ring * perRing, (ring + 1) * perRing)
    circle(peers.length).forEach((place, index) =>
      places.set(peers[index]!, at(place, 1 - (ring * 0.5) / rings)),
    )
  }
  return { width, height, form, places }
}

/** Few peers need little height. */
function sizeOf(count: number, wide: boolean): readonly [width: number, height: number] {
  if (count <= 1) return wide ? [860, 170] : [420, 170]
  if (count === 2) return wide ? [860, 320] : [420, 330]
  return wide ? [860, 480] : [420, 560]
}

/** Points of a circle, clockwise from the upper left, stretched so that they touch all sides of the square from -1 to 1. */
function circle(count: number): Place[] {
  const points = Array.from({ length: count }, (_, index) => {
    const angle = -Math.PI / 2 - Math.PI / count + (index / count) * 2 * Math.PI
    return { x: Math.cos(angle), y: Math.sin(angle) }
  })
  const stretch = (value: number, all: readonly number[]): number => {
    const [low, high] = [Math.min(...all), Math.max(...all)]
    return high - low < 1e-9 ? 0 : ((value - low) / (high - low)) * 2 - 1
  }
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)]
  return points.map(({ x, y }) => ({ x: stretch(x, xs), y: stretch(y, ys) }))
}

const round = (value: number): number => Math.round(value * 10) / 10

export interface Leg {
  readonly from: string
  readonly to: string
}

/** From the coordinator through the stages and back. A peer with several stages in a row is passed once. */
export function legsOf(centre: string, route: readonly { readonly peer: string }[]): Leg[] {
  const stops = [centre, ...route.map(({ peer }) => peer), centre].filter(
    (peer, index, all) => peer !== all[index - 1],
  )
  return stops.slice(1).map((to, index) => ({ from: stops[index]!, to }))
}

/** A curve from one place to another. */
export interface Curve {
  readonly path: string
  /** Between the middle and the end: the place of an arrow. */
  readonly tip: Place
  /** The point at a share of the way, from 0 to 1. */
  readonly at: (share: number) => Place
  /** A unit vector across the straight line, towards the side to which the curve bends. */
  readonly normal: Place
}

/** A curve to the left of the straight line, so that a way there and back are two. */
export function curve(from: Place, to: Place): Curve {
  const [dx, dy] = [to.x - from.x, to.y - from.y]
  const length = Math.hypot(dx, dy) || 1
  const bend = 0.12
  const control = { x: round((from.x + to.x) / 2 + dy * bend), y: round((from.y + to.y) / 2 - dx * bend) }
  const at = (share: number): Place => {
    const [a, b, c] = [(1 - share) ** 2, 2 * share * (1 - share), share ** 2]
    return {
      x: round(a * from.x + b * control.x + c * to.x),
      y: round(a * from.y + b * control.y + c * to.y),
    }
  }
  return {
    path: `M${from.x} ${from.y}Q${control.x} ${control.y} ${to.x} ${to.y}`,
    tip: at(0.66),
    at,
    normal: { x: dy / length, y: -dx / length },
  }
}

/** Pairs of peers with a measured link, each pair once. */
export function linkPairs(
  peers: readonly { readonly peer: string; readonly links: Readonly<Record<string, unknown>> }[],
): Leg[] {
  const shown = new Set(peers.map(({ peer }) => peer))
  const pairs = new Map<string, Leg>()
  for (const { peer, links } of peers)
    for (const other of Object.keys(links)) {
      if (!shown.has(other) || other === peer) continue
      const [from, to] = peer < other ? [peer, other] : [other, peer]
      pairs.set(`${from} ${to}`, { from, to })
    }
  return [...pairs.values()]
}
