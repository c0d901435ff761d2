import { html, nothing, type TemplateResult } from 'lit-html'
import type { Turn } from '../chat/conversation.ts'
import { markdownView } from '../markdown/view.ts'
import type { Actions } from './actions.ts'
import type { AppState } from './app-state.ts'

/** A question and its answer; what went wrong stands below, beside the way to try again. */
export function turnView(
  { conversation, contextLength }: AppState,
  actions: Actions,
  turn: Turn,
  index: number,
): TemplateResult {
  const isLast = index === conversation.turns.length - 1
  return html`
    ${
      index === conversation.leftOut && index > 0
        ? html`<p class="cut soft small">
            The model no longer sees the ${index === 1 ? 'turn' : `${index} turns`} above: its context of
            ${contextLength ?? '?'} tokens is full.
          </p>`
        : nothing
    }
    <article class="turn">
      <div class="question"><span class="hidden">You: </span>${turn.question}</div>
      <div class="answer">
        <span class="hidden">Model:</span>
        ${
          turn.reasoning === ''
            ? nothing
            : html`<details>
                <summary>Reasoning</summary>
                <div class="reasoning">${turn.reasoning}</div>
              </details>`
        }
        ${markdownView(turn.answer, (code) => actions.copy(code))}
        ${turn.end === 'running' ? html`<span class="caret" aria-hidden="true"></span>` : nothing}
      </div>
      ${turn.problem === null ? nothing : html`<p class="problem" role="alert">${turn.problem}</p>`}
      ${turn.end === 'running' ? nothing : below(turn, actions, isLast)}
    </article>
  `
}

function below({ answer, end, figures }: Turn, actions: Actions, isLast: boolean): TemplateResult {
  const words = [
    end === 'stopped' ? 'stopped' : end === 'length' ? 'cut at the limit of tokens' : null,
    figures === null
      ? null
      : `${figures.tokens} tokens · ${figures.tokensPerSecond.toFixed(1)} tokens/s · first after ${Math.round(figures.firstMs)} ms`,
  ].filter((word) => word !== null)
  return html`<p class="below">
    <span class="soft small">${words.join(' · ')}</span>
    ${answer === '' ? nothing : html`<button type="button" class="quiet" @click=${() => actions.copy(answer)}>Copy</button>`}
    ${isLast ? html`<button type="button" class="quiet" @click=${() => actions.retry()}>Retry</button>` : nothing}
  </p>`
}
