import { html, nothing, type TemplateResult } from 'lit-html'
import { mapView } from '../map/view.ts'
import { tokensPerSecond } from '../swarm/swarm-state.ts'
import { isGone, weakSpots } from '../swarm/peer-facts.ts'
import type { Actions, ViewName } from './actions.ts'
import type { AppState } from './app-state.ts'
import { chatView } from './chat.ts'
import { happeningsView } from './happenings.ts'
import { peersView } from './peers.ts'
import { planView } from './plan.ts'

const names: readonly (readonly [ViewName, string])[] = [
  ['chat', 'Chat'],
  ['swarm', 'Swarm'],
  ['plan', 'Plan'],
]

/** The whole page. On wide screens the chat always stands beside the swarm; on narrow ones a view fills the page. */
export function shell(state: AppState, actions: Actions): TemplateResult {
  const { view } = state
  return html`
    <header>
      <h1>
        <span class="logo" aria-hidden="true"></span>Shoal
        ${state.swarm.status === null ? nothing : html`<span class="model">${state.swarm.status.model}</span>`}
      </h1>
      <nav aria-label="Views">
        ${names.map(
          ([name, label]) =>
            html`<button
              type="button"
              class=${name === 'chat' ? 'narrow-only' : ''}
              aria-current=${isShown(state, name) ? 'page' : 'false'}
              @click=${() => actions.show(name)}
            >
              ${label}
            </button>`,
        )}
      </nav>
      ${conditionView(state)}
    </header>
    ${state.connection.state === 'key-needed' ? keyView(actions) : nothing} ${progressView(state)}
    <main class="shows-${view}">
      <div class="left">
        ${figuresView(state)} ${view === 'plan' ? planView(state, actions) : swarmView(state)}
      </div>
      ${chatView(state, actions)}
    </main>
    <p class="notice" role="status">${state.notice}</p>
  `
}

/** On wide screens the chat is always there, and the swarm is what its place shows. */
const isShown = ({ view, wide }: AppState, name: ViewName): boolean =>
  view === name || (wide && view === 'chat' && name === 'swarm')

function swarmView(state: AppState): TemplateResult {
  return html`
    <section class="panel map-panel" aria-labelledby="map-title">
      <h2 id="map-title">The swarm now</h2>
      ${mapView(state.swarm, state.wide)}
    </section>
    ${happeningsView(state)} ${peersView(state)}
  `
}

function conditionView({ connection, swarm }: AppState): TemplateResult {
  const [text, kind] = condition(connection, swarm.status)
  return html`<span class="pill ${kind}" role="status">${text}</span>`
}

function condition(
  connection: AppState['connection'],
  status: AppState['swarm']['status'],
): readonly [string, 'good' | 'bad' | ''] {
  if (connection.state === 'lost') return [connection.reason, 'bad']
  if (connection.state === 'key-needed') return ['an API key is needed', 'bad']
  if (status === null) return ['loading …', '']
  if (status.peers.length === 0) return ['computes in this process', 'good']
  const { missing } = weakSpots(status)
  return missing.length === 0
    ? ['complete', 'good']
    : [`${missing.length} block${missing.length === 1 ? '' : 's'} missing`, 'bad']
}

function keyView(actions: Actions): TemplateResult {
  const use = (event: SubmitEvent): void => {
    event.preventDefault()
    const field = (event.target as HTMLFormElement).elements.namedItem('key') as HTMLInputElement
    actions.useKey(field.value)
  }
  return html`<form class="key" @submit=${use}>
    <label for="key">This API asks for a key:</label>
    <input id="key" name="key" type="password" autocomplete="off" required />
    <button>Use it</button>
  </form>`
}

/** How far the node is with packing, fetching or loading its own blocks. */
function progressView({ swarm }: AppState): TemplateResult | typeof nothing {
  if (swarm.progress === null) return nothing
  const { activity, doneBytes, totalBytes } = swarm.progress
  const share = totalBytes === 0 ? null : doneBytes / totalBytes
  return html`<div class="progress" role="status">
    <label for="progress">${activities[activity] ?? 'Preparing the model'}</label>
    ${
      share === null
        ? html`<progress id="progress"></progress>`
        : html`<progress id="progress" max="1" value=${share}></progress
            ><span>${Math.floor(share * 100)}%</span>`
    }
  </div>`
}

const activities: Readonly<Record<string, string>> = {
  start: 'The node is joining',
  pack: 'Packing weights',
  fetch: 'Fetching weights',
  load: 'Loading blocks',
  probe: 'Measuring this machine',
}

function figuresView(state: AppState): TemplateResult {
  const { status, answers } = state.swarm
  const rate = tokensPerSecond(state.swarm, state.nowMs)
  const alive = status?.peers.filter((peer) => !isGone(peer)).length ?? 0
  const held = status?.coverage.filter((holders) => holders > 0).length ?? 0
  const figures: readonly (readonly [string, string])[] = [
    [answers.length === 0 ? '–' : rate.toFixed(1), 'tokens/s'],
    [String(answers.length), answers.length === 1 ? 'answer running' : 'answers running'],
    [status === null ? '–' : `${held} / ${status.blockCount}`, 'blocks held'],
    [status === null ? '–' : String(alive), alive === 1 ? 'peer' : 'peers'],
  ]
  return html`<dl class="figures">
    ${figures.map(
      ([value, label]) =>
        html`<div>
          <dt>${label}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`
}
