import { createVirtualClock } from '@shoal/host'
import { RefusedDial } from '@shoal/network'
import { expect, test } from 'vitest'
import { membershipProfiles } from '../options.ts'
import { Detector } from './detector.ts'

const timing = membershipProfiles.lan

/** The liveness of a peer whose connection was lost and whose dial-back has failed with this error. */
async function afterFailedDial(error: Error): Promise<{ at: string | undefined; later: string | undefined }> {
  const clock = createVirtualClock()
  const detector = new Detector(
    {
      clock,
      beforeNews: () => undefined,
      dialBack: () => Promise.reject(error),
      onTransition: () => undefined,
    },
    timing,
  )
  detector.apply('peer', { type: 'beat-seen', incarnation: 1, beat: 1, atMs: clock.nowMs() })
  detector.apply('peer', { type: 'connection-lost', atMs: clock.nowMs() })
  for (let turn = 0; turn < 4; turn += 1) await Promise.resolve()
  const at = detector.get('peer')?.liveness
  clock.advance(timing.leaseMs)
  detector.tick()
  return { at, later: detector.get('peer')?.liveness }
}

test('a refused dial proves that a peer is dead; any other failure leaves it to its lease', async () => {
  expect(await afterFailedDial(new RefusedDial('peer-vanished', 'ECONNREFUSED'))).toEqual({
    at: 'dead',
    later: 'dead',
  })
  expect(await afterFailedDial(new Error('this node has no free socket'))).toEqual({
    at: 'suspect',
    later: 'dead',
  })
})
