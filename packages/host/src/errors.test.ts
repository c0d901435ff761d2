import { expect, test } from 'vitest'
import { ShoalError } from './errors.ts'

test("a peer's words in an error cannot command the terminal that shows it", () => {
  expect(new ShoalError('no-capacity', 'peer says: \u001b[2J\u009bfull').message).toBe(
    'peer says: \\u001b[2J\\u009bfull',
  )
})
