/** For tests of packages above. */
export { randomSchema } from './testing/random-schema.ts'
