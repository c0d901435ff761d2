import { createVirtualClock } from '@shoal/host'
import { RefusedDial } from '@shoal/network'
import { expect, test } from 'vitest'
import { membershipProfiles } from '../options.ts'
import { Detector } from './detector.ts'

const timing = membershipProfiles.lan

/** What is held of a watched peer whose connection was lost and whose dial-back has failed with this error. */
async function afterFailedDial(error: Error): Promise<{ at: string[]; later: string[] }> {
  const clock = createVirtualClock()
  const unreachable: string[] = []
  const detector = new Detector(
    {
      clock,
      beforeNews: () => undefined,
      isWatched: () => true,
      dialBack: () => Promise.reject(error),
      onAnswered: () => undefined,
      onUnreachable: (peer) => void unreachable.push(peer),
      onTransition: () => undefined,
    },
    timing,
  )
  detector.apply('peer', { type: 'beat-seen', incarnation: 1, beat: 1, atMs: clock.nowMs() })
  detector.apply('peer', { type: 'connection-lost', atMs: clock.nowMs() })
  for (let turn = 0; turn < 8; turn += 1) await Promise.resolve()
  const at = [...unreachable]
  clock.advance(timing.leaseMs)
  detector.tick()
  expect(detector.get('peer')?.liveness).toBe('suspect')
  return { at, later: unreachable }
}

test('a refused dial is evidence against a peer at once; any other failure leaves it to its lease', async () => {
  expect(await afterFailedDial(new RefusedDial('peer-vanished', 'ECONNREFUSED'))).toEqual({
    at: ['peer'],
    later: ['peer'],
  })
  expect(await afterFailedDial(new Error('this node has no free socket'))).toEqual({
    at: [],
    later: ['peer'],
  })
})
