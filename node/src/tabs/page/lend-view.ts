import { html, nothing, type TemplateResult } from 'lit-html'
import { isOn, type LendState } from './lend-state.ts'

export interface LendActions {
  start(): void
  stop(): void
  choose(memoryBytes: number): void
}

/** The words for each phase, which a screen reader speaks when they change. */
const phases: Readonly<Record<LendState['phase'], string>> = {
  idle: 'Not started',
  connecting: 'Connecting to the node',
  fetching: 'Fetching the engine (14 MB, once)',
  timing: 'Measuring how fast this tab computes',
  starting: 'Joining the swarm, and loading weights',
  serving: 'Serving',
  waiting: 'Waiting: the swarm needs nothing of this tab at the moment',
  leaving: 'Leaving: running answers move to other peers',
  left: 'Stopped',
  failed: 'It did not work',
  over: 'The connection has ended',
}

export function lendView(state: LendState, choices: readonly number[], actions: LendActions): TemplateResult {
  return html`<main>
    <h1>Lend this tab to a swarm</h1>
    <p>
      A swarm of devices runs a language model together. This tab can compute some of its blocks, as long as
      it is open. Closing it stops everything: running answers go on elsewhere.
    </p>
    <section class="card" aria-labelledby="state-title">
      <h2 id="state-title">This tab</h2>
      <p role="status" class=${toneOf(state)}>${phases[state.phase]}</p>
      ${state.reason === null ? nothing : html`<p class="bad">${state.reason}</p>`}
      ${
        state.hidden && isOn(state)
          ? html`<p class="soft">
              This tab is in the background. It goes on, unless the system halts it, as phones do; the swarm
              then goes on without it.
            </p>`
          : nothing
      }
      ${figures(state)} ${controls(state, choices, actions)}
    </section>
    <section class="card" aria-labelledby="what-title">
      <h2 id="what-title">What happens</h2>
      <p class="soft">
        The page fetches weights from the node that you opened, compares them with their hashes, and computes
        in WebAssembly. It receives and sends hidden states: numbers between the blocks of the model, from
        which parts of a text can be guessed. Do not open this page if the people who use the swarm would not
        trust you with their text, and open only links of nodes that you trust. Nothing is stored on this
        device.
      </p>
    </section>
  </main>`
}

function toneOf({ phase }: LendState): string {
  if (phase === 'serving') return 'good'
  return phase === 'failed' || phase === 'over' ? 'bad' : ''
}

function figures(state: LendState): TemplateResult | typeof nothing {
  if (state.model === null) return nothing
  const { blocks, blockCount } = state
  const lines: readonly (readonly [string, string])[] = [
    ['Model', state.model],
    ['Blocks', blocks === null ? 'none' : `${blocks[0]} to ${blocks[1] - 1} of ${blockCount}`],
    ['Tokens computed', String(state.rows)],
    ['Answers now', String(state.sessions)],
    ['Threads', String(state.threads)],
    ['Weights', sizeText(state.weightBytes)],
    ['Peer', state.peer?.slice(-7) ?? 'none yet'],
  ]
  return html`<dl>
    ${lines.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`
}

function controls(state: LendState, choices: readonly number[], actions: LendActions): TemplateResult {
  const on = isOn(state)
  return html`<div class="row">
    <label>
      Memory
      <select
        ?disabled=${on}
        @change=${(event: Event) => actions.choose(Number((event.target as HTMLSelectElement).value))}
      >
        ${choices.map(
          (bytes) =>
            html`<option value=${bytes} ?selected=${bytes === state.memoryBytes}>${sizeText(bytes)}</option>`,
        )}
      </select>
    </label>
    ${
      on
        ? html`<button ?disabled=${state.phase === 'leaving'} @click=${() => actions.stop()}>Stop</button>`
        : html`<button class="main" @click=${() => actions.start()}>Lend this tab</button>`
    }
  </div>`
}

function sizeText(bytes: number): string {
  if (bytes >= 2 ** 30) return `${bytes / 2 ** 30} GiB`
  return bytes >= 2 ** 20 ? `${Math.round(bytes / 2 ** 20)} MiB` : `${Math.round(bytes / 1024)} KiB`
}
