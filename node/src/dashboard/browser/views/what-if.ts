import { html, nothing, type TemplateResult } from 'lit-html'
import type { Outlook, SwarmStatus, WhatIf } from '@shoal/swarm'
import { blocksText, inOrder, isGone, shortName } from '../swarm/peer-facts.ts'
import type { Actions } from './actions.ts'
import type { AppState } from './app-state.ts'

/** The devices that a person adds and takes away on paper, and what the node says of them. */
export interface WhatIfState {
  /** Memory of each added device. */
  readonly addGib: readonly number[]
  readonly remove: readonly string[]
  readonly answer: WhatIf | null
  readonly failure: string
}

export const noWhatIf: WhatIfState = { addGib: [], remove: [], answer: null, failure: '' }

const sizes = [4, 8, 16, 32, 64]

/** What the swarm would do with other devices: the plan that every peer would make then. */
export function whatIfView(
  { swarm: { status }, whatIf }: AppState,
  actions: Actions,
): TemplateResult | typeof nothing {
  if (status === null || status.placements.length === 0) return nothing
  const { addGib, remove, answer, failure } = whatIf
  const members = inOrder(status.peers).filter((peer) => !isGone(peer))
  return html`<section class="panel what-if" aria-labelledby="what-if-title">
    <h2 id="what-if-title">What if …</h2>
    <div class="choices">
      <span>Add a device with</span>
      ${sizes.map(
        (gib) =>
          html`<button
            type="button"
            class="quiet"
            @click=${() => actions.tryDevices([...addGib, gib], remove)}
          >
            ${gib} GiB
          </button>`,
      )}
    </div>
    <fieldset>
      <legend>Take away</legend>
      ${members.map(
        ({ peer }) =>
          html`<label>
            <input
              type="checkbox"
              .checked=${remove.includes(peer)}
              @change=${() =>
                actions.tryDevices(
                  addGib,
                  remove.includes(peer) ? remove.filter((each) => each !== peer) : [...remove, peer],
                )}
            />
            ${shortName(peer)}
          </label>`,
      )}
    </fieldset>
    <div role="status">
      ${failure === '' ? nothing : html`<p class="bad">${failure}</p>`}
      ${answer === null ? html`<p class="soft">Choose devices, and the plan for them stands here.</p>` : answerView(status, whatIf, answer, actions)}
    </div>
  </section>`
}

function answerView(
  status: SwarmStatus,
  { addGib, remove }: WhatIfState,
  { now, changed }: WhatIf,
  actions: Actions,
): TemplateResult {
  return html`<p><b>${changeText(addGib, remove)}</b></p>
    <p>${outlookText(now, changed)}</p>
    <ul class="plain">
      ${changed.placements.map(({ peer, start, end }) => {
        const held = status.peers.find((each) => each.peer === peer)?.blocks ?? null
        const name = newDevice(peer, addGib) ?? shortName(peer)
        const same = held?.[0] === start && held[1] === end
        return html`<li><b>${name}</b> ${same ? 'keeps' : 'serves'} ${blocksText([start, end])}</li>`
      })}
    </ul>
    <button type="button" class="quiet" @click=${() => actions.tryDevices([], [])}>Begin again</button>`
}

/** `new-2` of a plan, in words; null for a member. */
function newDevice(peer: string, addGib: readonly number[]): string | null {
  const gib = addGib[Number(/^new-(\d+)$/.exec(peer)?.[1] ?? 0) - 1]
  return gib === undefined ? null : `the new device with ${gib} GiB`
}

function changeText(addGib: readonly number[], remove: readonly string[]): string {
  const words = [
    addGib.length === 0 ? null : `with another ${addGib.map((gib) => `${gib} GiB`).join(' and ')}`,
    remove.length === 0 ? null : `without ${remove.map(shortName).join(' and ')}`,
  ].filter((word) => word !== null)
  return `The swarm ${words.join(', and ')}:`
}

/** How fast answers would be, and what that is beside the present. */
export function outlookText(now: Outlook, changed: Outlook): string {
  if (changed.prediction === null)
    return `nobody would have memory for ${changed.uncovered.map(blocksText).join(', ')}: no answers.`
  const { tokensPerSecond, togetherTokensPerSecond, ttftMs, promptTokens } = changed.prediction
  const rate = (value: number): string => (value < 10 ? value.toFixed(1) : Math.round(value).toString())
  const before =
    now.prediction === null ? 'now it cannot answer' : `now ${rate(now.prediction.tokensPerSecond)}`
  return `${rate(tokensPerSecond)} tokens/s for one answer (${before}), ${rate(togetherTokensPerSecond)} for many together; the first token of a prompt of ${promptTokens} after ${Math.round(ttftMs)} ms. Predicted from what the peers have measured; a new device counts as fast as the peer in the middle.`
}
