import { html, nothing, type TemplateResult } from 'lit-html'
import { rangesText, shortName, sizeText } from '../swarm/peer-facts.ts'
import type { AppState } from './app-state.ts'

/** The plan that every node computes from the same records, and whether each peer does its part of it already. */
export function planView(state: AppState): TemplateResult {
  return html`<section class="panel" aria-labelledby="plan-title">
      <h2 id="plan-title">The plan</h2>
      ${placementsView(state)}
    </section>
    ${modelView(state)}`
}

function placementsView({ swarm: { status } }: AppState): TemplateResult {
  if (status === null || status.placements.length === 0)
    return html`<p class="soft">There is no plan: nothing is shared out among peers.</p>`
  return html`<ul class="plain">
    ${status.placements.map(({ peer, start, end, group }) => {
      const holder = status.peers.find((each) => each.peer === peer)
      const done = holder?.blocks?.[0] === start && holder.blocks[1] === end
      return html`<li>
        <b>${shortName(peer)}</b> is to serve block
        ${rangesText([...Array(end - start).keys()].map((at) => start + at))}
        ${group === undefined ? nothing : html` with ${group.ranks.map(shortName).join(', ')}`}
        <span class="soft"
          >${done ? '– and does' : `– now ${holder?.blocks === null || holder === undefined ? 'none' : `${holder.blocks[0]}–${holder.blocks[1] - 1}`}`}</span
        >
      </li>`
    })}
  </ul>`
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

const transferText = (transfer: object): string => {
  const { peer, bytes } = transfer as { peer?: unknown; bytes?: unknown }
  return `${shortName(String(peer))}: ${typeof bytes === 'number' ? sizeText(bytes) : ''}`
}
