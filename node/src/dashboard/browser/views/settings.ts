import { html, type TemplateResult } from 'lit-html'
import { settingBounds, type NumberSetting } from '../chat/settings.ts'
import type { Actions } from './actions.ts'
import type { AppState } from './app-state.ts'

const fields: readonly (readonly [NumberSetting, string])[] = [
  ['temperature', 'Temperature'],
  ['topP', 'Top p'],
  ['topK', 'Top k'],
  ['seed', 'Seed'],
  ['maxTokens', 'Tokens at most'],
]

export function settingsView({ settings }: AppState, actions: Actions): TemplateResult {
  return html`<div class="sheet settings" role="group" aria-label="Settings">
    <label class="wide">
      System prompt
      <textarea
        rows="2"
        .value=${settings.system}
        placeholder="How the model is to behave; empty for its own way"
        @change=${(event: Event) => actions.setSystem((event.target as HTMLTextAreaElement).value)}
      ></textarea>
    </label>
    ${fields.map(([name, label]) => {
      const { min, max, step } = settingBounds[name]
      return html`<label>
        ${label}
        <input
          type="number"
          min=${min}
          max=${max}
          step=${step}
          .value=${settings[name] === null ? '' : String(settings[name])}
          placeholder="model's own"
          @change=${(event: Event) => actions.setNumber(name, (event.target as HTMLInputElement).value)}
        />
      </label>`
    })}
  </div>`
}
