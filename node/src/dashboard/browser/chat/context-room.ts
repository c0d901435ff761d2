import { messagesOf, type Conversation } from './conversation.ts'

/** Tokens that the template puts around a message: begin, role, end. */
const tokensAroundMessage = 6
/** Before anything has been measured: most tokenizers have 3 to 5 characters of prose to a token, small ones fewer. */
const charactersPerTokenAssumed = 3

/**
 * How many turns at the beginning have to be left out, so that the last question and an answer fit into the context. The
 * page has no tokenizer: it takes the ratio of characters to tokens that the last answer's figures show.
 */
export function turnsToLeaveOut(
  conversation: Conversation,
  room: { readonly contextLength: number; readonly answerTokens: number; readonly system: string },
): number {
  const { contextLength, answerTokens, system } = room
  const perToken = charactersPerToken(conversation)
  // A long answer may be cut short; a conversation without any memory would be worse.
  const most = contextLength - Math.min(answerTokens, Math.floor(contextLength / 2))
  const tokensWith = (leftOut: number): number =>
    messagesOf({ ...conversation, leftOut }, system).reduce(
      (sum, { content }) => sum + tokensAroundMessage + Math.ceil(content.length / perToken),
      0,
    )
  let { leftOut } = conversation
  while (leftOut < conversation.turns.length - 1 && tokensWith(leftOut) > most) leftOut += 1
  return leftOut
}

/** Of the newest answer that has figures. */
function charactersPerToken({ turns }: Conversation): number {
  const measured = turns.findLast(({ figures, answer }) => (figures?.tokens ?? 0) > 8 && answer.length > 0)
  const tokens = measured?.figures?.tokens ?? 0
  if (measured === undefined || tokens === 0) return charactersPerTokenAssumed
  return Math.max(1, measured.answer.length / tokens)
}
