import { expect, test } from 'vitest'
import { auditLines } from './audit.ts'

test('a report names sessions, bans and how much evidence there is', () => {
  const peer = '12D3KooWGRUfJL6mxCi5kC6HDA6vgtx7qAoA5rCBpMw5HdrLZ6m1'
  expect(
    auditLines({
      counts: {
        sessions: 3,
        audits: 2,
        recomputed: 60,
        outcomes: { right: 1, convicted: 1, undecided: 0, 'not-comparable': 0 },
      },
      proven: [],
      bans: [{ peer, forMs: 540_001 }],
      sessions: [
        { session: 'abc', receipts: [{ peer, start: 0, end: 2, position: 8, in: '00', out: '00' }] },
      ],
      evidence: ['00'],
    }),
  ).toEqual([
    '3 sessions, 2 audited: 1 right, 1 ended with a conviction, 0 undecided, 0 not comparable',
    '  abc  1 receipts of …drLZ6m1',
    `banned: ${peer}, for 10 more minutes`,
    '1 pieces of evidence: shoal audit --json writes them to a file for shoal audit verify',
  ])
})
