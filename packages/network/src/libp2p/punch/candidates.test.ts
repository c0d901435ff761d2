import { createVirtualClock, seededRandom } from '@shoal/host'
import { expect, test } from 'vitest'
import { limits } from '../../limits.ts'
import { DialPolicy } from '../dial-policy.ts'
import { UnprovenDials } from '../unproven-dials.ts'
import { PunchAttempts } from './attempts.ts'
import { onInternet, toldCandidates, usableCandidates } from './candidates.ts'

test('only addresses of the internet and ports without well-known services are sent to, at a pace', () => {
  const policy = new DialPolicy(
    () => [],
    () => ['192.168.1.5'],
  )
  const dials = new UnprovenDials(createVirtualClock())
  const use = (...named: string[]) =>
    usableCandidates(named, onInternet, (address) => !policy.denies(address) && dials.take(address))
  expect(
    use(
      '/ip4/192.168.1.1/udp/5000',
      '/ip4/127.0.0.1/udp/5000',
      '/ip4/10.0.0.1/udp/5000',
      '/ip4/8.8.8.8/udp/53',
      '/ip4/999.1.1.1/udp/5000',
    ),
  ).toEqual([])
  expect(use('/ip4/8.8.8.8/udp/5000')).toEqual([{ ip: '8.8.8.8', port: 5000 }])
  const random = seededRandom(1)
  const many = Array.from(
    { length: 200 },
    () => `/ip4/8.8.${random.uint32() % 250}.1/udp/${1024 + (random.uint32() % 60_000)}`,
  )
  expect(many.filter((each) => use(each).length > 0).length).toBeLessThan(limits.unprovenDialsAtOnce)
})

test('a peer is told the address of the router, and none behind it', () => {
  const own = [
    { ip: '192.168.1.5', port: 40_000 },
    { ip: '8.8.8.8', port: 40_001 },
    { ip: '8.8.8.8', port: 40_001 },
  ]
  expect(toldCandidates(own, onInternet)).toEqual(['/ip4/8.8.8.8/udp/40001'])
})

test('a peer may ask once in a while, and only so many attempts are under way', async () => {
  const clock = createVirtualClock()
  const attempts = new PunchAttempts(clock)
  const done = async (): Promise<void> => undefined
  await attempts.run('a', 'member', done)
  await expect(attempts.run('a', 'member', done)).rejects.toThrow('a moment ago')
  clock.advance(limits.punchEveryMs)
  await attempts.run('a', 'member', done)
  const end = Promise.withResolvers<void>()
  const running = Array.from({ length: limits.punchesAtOnce }, (_, index) =>
    attempts.run(`peer ${index}`, 'self', () => end.promise),
  )
  await expect(attempts.run('b', 'self', done)).rejects.toThrow('under way')
  end.resolve()
  await Promise.all(running)
  await attempts.run('b', 'self', done)
})
