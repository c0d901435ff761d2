import { html, nothing, svg, type TemplateResult } from 'lit-html'
import type { PeerStatus, SwarmStatus } from '@shoal/swarm'
import { pageLimits } from '../limits.ts'
import { coloursOf, hueColour } from '../map/view.ts'
import {
  blocksText,
  cellsOf,
  conditionOf,
  inOrder,
  isGone,
  blocksWord,
  shortName,
  sizeText,
  timeText,
  weakSpots,
} from '../swarm/peer-facts.ts'
import type { AppState } from './app-state.ts'

/** Every peer as a line, for those who read rather than look, and for swarms that fill the map. */
export function peersView({ swarm }: AppState): TemplateResult | typeof nothing {
  const { status } = swarm
  if (status === null) return nothing
  if (status.peers.length === 0)
    return html`<section class="panel">
      <h2>Peers</h2>
      <p class="soft">No swarm: the whole model runs in the process that serves this page.</p>
    </section>`
  return html`<section class="panel" aria-labelledby="peers-title">
    <h2 id="peers-title">Peers</h2>
    ${coverageView(status)}
    <div class="table" tabindex="0" role="region" aria-label="Table of peers">
      <table>
        <thead>
          <tr>
            ${['Peer', 'State', 'Blocks', 'Memory', 'Speed', 'Round trip', 'Answers'].map(
              (name) => html`<th scope="col">${name}</th>`,
            )}
          </tr>
        </thead>
        <tbody>
          ${inOrder(status.peers).map((peer) => peerRow(peer))}
        </tbody>
      </table>
    </div>
    <p class="soft small">
      ${[
        status.name,
        status.private === true ? 'private swarm' : status.private === false ? 'open swarm' : undefined,
      ]
        .filter((word) => word !== undefined)
        .map((word) => `${word} · `)}
      ${status.profile} · manifest ${status.manifest.slice(0, 12)} · plan ${status.planHash.slice(0, 12)}
    </p>
  </section>`
}

function peerRow(peer: PeerStatus): TemplateResult {
  const busy = peer.busyPermille ?? null
  return html`<tr class=${isGone(peer) ? 'gone' : ''}>
    <th scope="row" title=${`${peer.peer}\n${peer.addresses.join('\n')}`}>
      ${shortName(peer.peer)}${peer.self ? html` <span class="tag">this node</span>` : nothing}
      ${peer.device === 'browser tab' ? html` <span class="tag">browser tab</span>` : nothing}
      ${peer.role === undefined ? nothing : html` <span class="tag">${peer.role}</span>`}
    </th>
    <td>
      ${conditionOf(peer)}${peer.problem === undefined ? nothing : html`<br /><span class="bad">${peer.problem}</span>`}
    </td>
    <td>${blocksText(peer.blocks)}</td>
    <td>${peer.blocks === null ? '–' : sizeText(peer.memoryBytes)}</td>
    <td>${peer.blocks === null ? '–' : `${peer.decodeMsPerBlock.toFixed(2)} ms/block`}</td>
    <td>${peer.self ? '–' : peer.rttMs === null ? '?' : timeText(peer.rttMs)}</td>
    <td>${peer.sessions}${busy === null || busy < 10 ? '' : `, busy ${Math.round(busy / 10)}%`}</td>
  </tr>`
}

/** All blocks in a row: who holds each, and where only one peer stands between the model and a gap. */
function coverageView(status: SwarmStatus): TemplateResult {
  const { missing, single, onlyCopy } = weakSpots(status)
  const colours = coloursOf(status.peers)
  const holderOf = (block: number): PeerStatus | undefined =>
    inOrder(status.peers).find(
      ({ blocks, ...peer }) =>
        !isGone({ blocks, ...peer }) && blocks !== null && block >= blocks[0] && block < blocks[1],
    )
  const cells = cellsOf(status.blockCount, pageLimits.barCellsMax)
  const words = [
    missing.length > 0 ? `nobody holds ${blocksWord(missing)}` : 'every block is held',
    single.length > 0 ? `only one peer serves ${blocksWord(single)}` : null,
    onlyCopy.length > 0
      ? `only one peer has the weights of ${blocksWord(onlyCopy)}; they are lost with it`
      : null,
  ].filter((word) => word !== null)
  const step = 100 / Math.max(1, cells.length)
  return html`<svg class="coverage" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      ${cells.map(({ start }, index) => coverageCell(status, holderOf(start), colours, start, index * step, step))}
    </svg>
    <p class=${missing.length > 0 ? 'bad small' : 'soft small'}>${words.join(' · ')}</p>`
}

function coverageCell(
  { coverage }: SwarmStatus,
  holder: PeerStatus | undefined,
  colours: ReadonlyMap<string, number>,
  block: number,
  x: number,
  step: number,
): TemplateResult {
  const colour = holder === undefined ? 'var(--bad)' : hueColour(colours.get(holder.peer) ?? 190)
  // The height says how many peers serve the block: one, or a replica beside it.
  const height = (coverage[block] ?? 0) > 1 ? 6 : 3.4
  return svg`<rect x=${x} y=${6 - height} width=${step * 0.94} height=${height} fill=${colour} />`
}
