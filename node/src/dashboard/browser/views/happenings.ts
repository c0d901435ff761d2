import { html, nothing, type TemplateResult } from 'lit-html'
import type { AppState } from './app-state.ts'

/** What has happened, the newest first; a screen reader reads new lines out. */
export function happeningsView({ swarm }: AppState): TemplateResult {
  const lines = swarm.happenings.toReversed()
  return html`<section class="panel" aria-labelledby="happenings-title">
    <h2 id="happenings-title">What happens</h2>
    <div class="happenings" role="log" aria-live="polite" tabindex="0" aria-label="Events">
      <ol>
        ${lines.map(
          ({ wallMs, weight, text }) =>
            html`<li class=${weight}>
              <time>${new Date(wallMs).toLocaleTimeString()}</time> <span>${text}</span>
            </li>`,
        )}
        ${lines.length === 0 ? html`<li class="soft">Peers that come and go, and new paths, are told here.</li>` : nothing}
      </ol>
    </div>
  </section>`
}
