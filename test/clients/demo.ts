/** The address of the API under test, known once its node has started. */
export type ApiOf = () => string

export const demoQuestion = 'Who are you?'

/** The demo model's own words at temperature 0. */
export const demoAnswer =
  'I am a very small language model made for demos. I run on one computer or split across many peers.'
