/** Matchers that run in a worker thread, for programs that compute answers. */
export { createMatchers, type Matchers, type MatchersOptions } from './matching/matchers.ts'
export type { Matcher } from './matching/answer-matcher.ts'
