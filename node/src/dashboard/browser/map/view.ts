import { html, nothing, svg, type TemplateResult } from 'lit-html'
import type { PeerStatus, SwarmStatus } from '@shoal/swarm'
import { pageLimits } from '../limits.ts'
import {
  blocksText,
  cellsOf,
  conditionOf,
  holds,
  inOrder,
  isGone,
  rateText,
  shortName,
  sizeText,
  timeText,
} from '../swarm/peer-facts.ts'
import type { SwarmState } from '../swarm/swarm-state.ts'
import { placeTexts } from './label-places.ts'
import {
  cardSize,
  curve,
  layoutMap,
  legsOf,
  linkPairs,
  type Leg,
  type MapLayout,
  type Place,
} from './layout.ts'

/** Stands for the program that the page comes from, where that is no member of the swarm. */
const clientName = 'this program'

interface Drawing extends MapLayout {
  readonly status: SwarmStatus
  readonly centre: string
  readonly peers: readonly PeerStatus[]
  readonly lost: ReadonlySet<string>
  readonly colours: ReadonlyMap<string, number>
}

/** The swarm as a picture: who is there, what they hold, and which way tokens take. */
export function mapView(state: SwarmState, wide: boolean): TemplateResult {
  const { status, answers } = state
  if (status === null) return html`<p class="soft">Waiting for the swarm …</p>`
  const all = inOrder(status.peers)
  const centre = all.find(({ self }) => self)?.peer ?? clientName
  const peers = all.filter(({ peer }) => peer !== centre).slice(0, pageLimits.mapPeersMax)
  const lost = new Set([...state.lostOnRoute.keys(), ...all.filter(isLost).map(({ peer }) => peer)])
  const drawing: Drawing = {
    ...layoutMap(
      centre,
      peers.map(({ peer }) => peer),
      wide,
    ),
    status,
    centre,
    peers: all.filter(({ peer }) => peer === centre || peers.some((each) => each.peer === peer)),
    lost,
    colours: coloursOf(status.peers),
  }
  const running = answers.length > 0
  const routes = running ? answers.map(({ route }) => route) : [state.lastRoute]
  const paths = routes.map((route) => legsOf(centre, route)).filter((legs) => legs.length > 1 || running)
  return html`<svg
    class="map ${drawing.form}"
    viewBox="0 0 ${drawing.width} ${drawing.height}"
    role="img"
    aria-label=${describe(status, answers.length > 0, routes[0] ?? [])}
  >
    ${linksView(drawing, paths.flat())} ${paths.map((legs) => pathView(drawing, legs, running))}
    ${drawing.peers.map((peer) => peerView(drawing, peer))}
    ${centre === clientName ? clientView(drawing) : nothing} ${labelsView(drawing, paths.flat())}
  </svg>`
}

/** Every peer keeps its colour when others come and go: golden angles by the order of names keep neighbours apart. */
export function coloursOf(peers: readonly PeerStatus[]): Map<string, number> {
  return new Map(inOrder(peers).map(({ peer }, index) => [peer, Math.round(190 + index * 137.5) % 360]))
}

const isLost = (peer: PeerStatus): boolean => peer.liveness === 'dead' || peer.liveness === 'suspect'

function describe(status: SwarmStatus, running: boolean, route: SwarmState['lastRoute']): string {
  const gone = status.peers.filter(isGone).length
  const way = route
    .map(({ peer, start, end }) => `${shortName(peer)} with ${blocksText([start, end])}`)
    .join(', then ')
  return [
    `Map of the swarm: ${status.peers.length - gone} peers${gone === 0 ? '' : `, and ${gone} that are gone`}.`,
    way === '' ? '' : `${running ? 'Tokens now pass' : 'The last answer passed'} ${way}.`,
  ].join(' ')
}

const place = ({ places }: Drawing, peer: string): Place | undefined => places.get(peer)

/** Links in grey; without them a large swarm is still readable. */
function linksView(drawing: Drawing, legs: readonly Leg[]): TemplateResult[] {
  const onPath = new Set(legs.map(pairName))
  const pairs = drawing.form === 'card' ? linkPairs(drawing.peers.filter((peer) => !isGone(peer))) : []
  return pairs
    .filter((pair) => !onPath.has(pairName(pair)))
    .flatMap(({ from, to }) => {
      const [a, b] = [place(drawing, from), place(drawing, to)]
      return a === undefined || b === undefined
        ? []
        : [svg`<line class="link" x1=${a.x} y1=${a.y} x2=${b.x} y2=${b.y} />`]
    })
}

const pairName = ({ from, to }: Leg): string => (from < to ? `${from} ${to}` : `${to} ${from}`)

function pathView(drawing: Drawing, legs: readonly Leg[], running: boolean): TemplateResult {
  return svg`<g class=${running ? 'path running' : 'path'}>
    ${legs.flatMap(({ from, to }) => {
      const [a, b] = [place(drawing, from), place(drawing, to)]
      if (a === undefined || b === undefined) return []
      const broken = drawing.lost.has(from) || drawing.lost.has(to)
      const { path, tip } = curve(a, b)
      const angle = Math.round((Math.atan2(b.y - a.y, b.x - a.x) * 180) / Math.PI)
      return [
        svg`<path class=${broken ? 'leg broken' : 'leg'} d=${path} />
          <path class=${broken ? 'tip broken' : 'tip'} d="M-6 -6L6 0L-6 6z"
            transform="translate(${tip.x} ${tip.y}) rotate(${angle})" />`,
      ]
    })}
  </g>`
}

/** Round trip and rate beside the legs of the path, as far as either side has measured them. */
function labelsView(drawing: Drawing, legs: readonly Leg[]): TemplateResult[] {
  if (drawing.form !== 'card') return []
  const pairs = new Map(legs.map((leg) => [pairName(leg), leg]))
  const texts = [...pairs.values()]
    .map((leg) => ({ ...leg, text: linkText(drawing, leg) }))
    .filter(({ text }) => text !== '')
  return placeTexts(drawing, legs, texts).map(
    ({ text, at: { x, y } }) =>
      svg`<text class="link-text" x=${x} y=${y + 4} text-anchor="middle">${text}</text>`,
  )
}

function linkText({ peers }: Drawing, { from, to }: Leg): string {
  const find = (id: string): PeerStatus | undefined => peers.find(({ peer }) => peer === id)
  const [a, b] = [find(from), find(to)]
  const [there, back] = [a?.links[to], b?.links[from]]
  const own = a?.self === true ? b?.rttMs : b?.self === true ? a?.rttMs : null
  const rttMs = there?.rttMs ?? back?.rttMs ?? own ?? null
  // A rate is announced by the side that receives.
  const mbps = back?.mbps ?? there?.mbps ?? null
  return [rttMs === null ? null : timeText(rttMs), mbps === null ? null : rateText(mbps)]
    .filter((part) => part !== null)
    .join(' · ')
}

function peerView(drawing: Drawing, peer: PeerStatus): TemplateResult | typeof nothing {
  const at = place(drawing, peer.peer)
  if (at === undefined) return nothing
  const lost = drawing.lost.has(peer.peer)
  const condition = lost && peer.liveness === 'alive' ? 'lost on the path' : conditionOf(peer)
  const style = lost || isGone(peer) ? 'peer gone' : peer.self ? 'peer self' : 'peer'
  return drawing.form === 'card'
    ? card(drawing, peer, at, style, condition)
    : dot(drawing, peer, at, style, condition)
}

function card(
  drawing: Drawing,
  peer: PeerStatus,
  at: Place,
  style: string,
  condition: string,
): TemplateResult {
  const { width, height } = cardSize
  const work = [
    peer.sessions === 0 ? null : `${peer.sessions} answer${peer.sessions === 1 ? '' : 's'}`,
    (peer.busyPermille ?? 0) < 10 ? null : `busy ${Math.round((peer.busyPermille ?? 0) / 10)}%`,
  ].filter((fact) => fact !== null)
  return svg`<g class=${style} transform="translate(${at.x - width / 2} ${at.y - height / 2})">
    <title>${`${peer.peer}\n${condition} · ${blocksText(peer.blocks)}\n${peer.version} · numeric class ${peer.numericClass}`}</title>
    <rect class="card" width=${width} height=${height} rx="10" />
    <circle class="state" cx="16" cy="17" r="4.5" />
    <text class="peer-name" x="27" y="21">${shortName(peer.peer)}</text>
    <text class="peer-role" x=${width - 12} y="21" text-anchor="end">${peer.self ? 'this node' : condition}</text>
    ${barView(drawing, peer, width - 24)}
    <text class="peer-text" x="12" y="62">${[blocksText(peer.blocks), ...(peer.blocks === null ? [] : [sizeText(peer.memoryBytes)])].join(' · ')}</text>
    <text class="peer-text" x="12" y="79">${work.length === 0 ? 'idle' : work.join(' · ')}</text>
  </g>`
}

function barView({ status, colours }: Drawing, peer: PeerStatus, width: number): TemplateResult[] {
  const cells = cellsOf(status.blockCount, pageLimits.barCellsMax)
  const step = width / Math.max(1, cells.length)
  const gap = step > 6 ? 2 : step > 3 ? 1 : 0
  return cells.map(({ start, end }, index) => {
    let held = false
    for (let block = start; block < end; block += 1) held ||= holds(peer, block)
    return svg`<rect class="cell" x=${12 + index * step} y="31" width=${step - gap} height="14" rx=${Math.min(3, step / 4)}
      fill=${held ? hueColour(colours.get(peer.peer) ?? 190) : 'var(--cell)'} />`
  })
}

/** A colour that is told from the card in both schemes. */
export const hueColour = (hue: number): string => `hsl(${hue} 55% var(--hue-light))`

function dot(
  { colours }: Drawing,
  peer: PeerStatus,
  at: Place,
  style: string,
  condition: string,
): TemplateResult {
  return svg`<g class=${style} transform="translate(${at.x} ${at.y})">
    <title>${`${peer.peer}\n${condition} · ${blocksText(peer.blocks)} · ${sizeText(peer.memoryBytes)}`}</title>
    <circle class="card" r="17" />
    <circle r="12" fill=${peer.blocks === null ? 'var(--cell)' : hueColour(colours.get(peer.peer) ?? 190)} />
    <text class="dot-text" y="31" text-anchor="middle">${shortName(peer.peer).slice(-4)}</text>
  </g>`
}

function clientView(drawing: Drawing): TemplateResult {
  const { x, y } = drawing.places.get(clientName)!
  return svg`<g class="peer self" transform="translate(${x - 70} ${y - 24})">
    <rect class="card" width="140" height="48" rx="24" />
    <text class="peer-name" x="70" y="21" text-anchor="middle">this program</text>
    <text class="peer-text" x="70" y="37" text-anchor="middle">asks, holds no blocks</text>
  </g>`
}
