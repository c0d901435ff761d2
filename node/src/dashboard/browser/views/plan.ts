import { html, nothing, svg, type TemplateResult } from 'lit-html'
import { pageLimits } from '../limits.ts'
import { coloursOf, hueColour } from '../map/view.ts'
import {
  blocksText,
  cellsOf,
  inOrder,
  isGone,
  lossText,
  shortName,
  transferText,
  type Cell,
} from '../swarm/peer-facts.ts'
import type { Actions } from './actions.ts'
import type { AppState } from './app-state.ts'
import { whatIfView } from './what-if.ts'

/** The plan that every node computes from the same records, and whether each peer does its part of it already. */
export function planView(state: AppState, actions: Actions): TemplateResult {
  return html`<section class="panel" aria-labelledby="plan-title">
      <h2 id="plan-title">The plan</h2>
      ${placementsView(state)}
    </section>
    ${whatIfView(state, actions)} ${lossesView(state)} ${modelView(state)}`
}

function placementsView({ swarm: { status } }: AppState): TemplateResult {
  if (status === null || status.placements.length === 0)
    return html`<p class="soft">There is no plan: nothing is shared out among peers.</p>`
  const colours = coloursOf(status.peers)
  const cells = cellsOf(status.blockCount, pageLimits.barCellsMax)
  return html`<ul class="plain plan">
    ${status.placements.map(({ peer, start, end, group }) => {
      const held = status.peers.find((each) => each.peer === peer)?.blocks ?? null
      const done = held?.[0] === start && held[1] === end
      const colour = hueColour(colours.get(peer) ?? 190)
      return html`<li>
        ${spanView(cells, [start, end], held, colour)}
        <b>${shortName(peer)}</b>
        ${group === undefined ? nothing : html` with ${group.ranks.map(shortName).join(', ')}`}
        ${done ? `serves ${blocksText(held)}, as planned` : `is to serve ${blocksText([start, end])}, and has ${blocksText(held)}`}
      </li>`
    })}
  </ul>`
}

/** All blocks in a row: full where the peer has a block of the plan, framed where it is still to come, grey elsewhere. */
function spanView(
  cells: readonly Cell[],
  planned: readonly [number, number],
  held: readonly [number, number] | null,
  colour: string,
): TemplateResult {
  const inside = (span: readonly [number, number] | null, cell: Cell): boolean =>
    span !== null && cell.start < span[1] && cell.end > span[0]
  const step = 100 / Math.max(1, cells.length)
  return html`<svg class="span" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
    ${cells.map((cell, index) => {
      const wanted = inside(planned, cell)
      const full = inside(held, cell)
      return svg`<rect
        x=${index * step} y="0" width=${step * 0.92} height="6"
        fill=${full ? colour : 'var(--line)'}
        stroke=${wanted && !full ? colour : 'none'}
        stroke-width="3" vector-effect="non-scaling-stroke"
      />`
    })}
  </svg>`
}

/** What would happen without each peer, from what all of them hold now. */
function lossesView({ swarm: { status } }: AppState): TemplateResult | typeof nothing {
  const serving = inOrder(status?.peers ?? []).filter((peer) => !isGone(peer) && peer.blocks !== null)
  if (status === null || serving.length === 0) return nothing
  return html`<section class="panel" aria-labelledby="losses-title">
    <h2 id="losses-title">If a peer were lost</h2>
    <ul class="plain">
      ${serving.map((peer) => html`<li><b>${shortName(peer.peer)}</b>: ${lossText(status, peer)}</li>`)}
    </ul>
  </section>`
}

/** Where the weights are, and what comes from whom. */
function modelView({ swarm: { status }, contextLength }: AppState): TemplateResult | typeof nothing {
  if (status === null) return nothing
  const { copies, transfers = [] } = status
  return html`<section class="panel" aria-labelledby="model-title">
    <h2 id="model-title">The model</h2>
    <dl class="facts">
      <div>
        <dt>Name</dt>
        <dd>${status.model}</dd>
      </div>
      <div>
        <dt>Blocks</dt>
        <dd>${status.blockCount}</dd>
      </div>
      <div>
        <dt>Numeric profile</dt>
        <dd>${status.profile}</dd>
      </div>
      ${
        contextLength === null
          ? nothing
          : html`<div>
              <dt>Context</dt>
              <dd>${contextLength} tokens</dd>
            </div>`
      }
      ${
        copies === undefined
          ? nothing
          : html`<div>
              <dt>Copies of the weights</dt>
              <dd>
                ${Math.min(copies.embedding, copies.head, ...copies.blocks)} at least (embedding
                ${copies.embedding}, head ${copies.head})
              </dd>
            </div>`
      }
    </dl>
    ${
      transfers.length === 0
        ? nothing
        : html`<h3>Fetched from</h3>
            <ul class="plain">
              ${transfers.map((transfer) => html`<li>${transferText(transfer)}</li>`)}
            </ul>`
    }
  </section>`
}
