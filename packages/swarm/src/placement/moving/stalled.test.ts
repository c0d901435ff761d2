import { createVirtualClock } from '@shoal/host'
import type { Member, MemberState } from '@shoal/membership'
import { expect, test } from 'vitest'
import { swarmLimits } from '../../limits.ts'
import { stallOf, watchStall } from './stalled.ts'

const member = (
  peerId: string,
  state: MemberState,
  start: number,
  end: number,
  liveness: Member['liveness'] = 'alive',
): Member => ({ record: { peerId, state, span: { start, end } }, liveness, load: null }) as unknown as Member

test.each<[string, readonly Member[], string | null]>([
  ['others serve all blocks', [member('a', 'serving', 0, 2), member('b', 'serving', 2, 4)], null],
  ['a block has no holder', [member('a', 'serving', 0, 3)], 'gone'],
  ['the only holder of a block is suspected', [member('a', 'serving', 0, 4, 'suspect')], 'gone'],
  ['the only holder of a block is still loading it', [member('a', 'joining', 0, 4)], 'gone'],
  ['the only holder of a block is this node', [member('self', 'serving', 0, 4)], 'gone'],
  [
    'the only holder of a block is leaving',
    [member('a', 'serving', 0, 3), member('b', 'draining', 3, 4)],
    'leaving',
  ],
  ['one holder leaves and one is gone', [member('b', 'draining', 3, 4)], 'gone'],
])('when %s', (_name, members, stall) => {
  expect(stallOf([0, 1, 2, 3], members, 'self')).toBe(stall)
})

test('a move waits for sessions until a block has no holder, and for a while when its holders are leaving', () => {
  const clock = createVirtualClock()
  let members = [member('a', 'serving', 0, 4)]
  let changed = (): void => undefined
  const membership = {
    members: () => members,
    onChange: (listener: () => void) => {
      changed = listener
      return () => undefined
    },
  }
  const leaving = watchStall({ clock, membership, selfId: 'self' }, [0, 1, 2, 3])
  expect(leaving.signal.aborted).toBe(false)
  members = [member('a', 'draining', 0, 4)]
  changed()
  clock.advance(swarmLimits.handOverBeforeMoveMs - 1)
  expect(leaving.signal.aborted).toBe(false)
  clock.advance(1)
  expect(leaving.signal.aborted).toBe(true)
  leaving.stop()

  members = [member('a', 'serving', 0, 4)]
  const gone = watchStall({ clock, membership, selfId: 'self' }, [0, 1, 2, 3])
  members = []
  changed()
  expect(gone.signal.aborted).toBe(true)
  gone.stop()
  expect(clock.pending()).toBe(0)
})
