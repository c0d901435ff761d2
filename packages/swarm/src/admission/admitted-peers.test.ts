import type { Standing } from '@shoal/trust'
import { expect, test } from 'vitest'
import { AdmittedPeers } from './admitted-peers.ts'

const standing = (member: string): Standing => ({
  role: 'client',
  member,
  dependsOn: [member],
  until: 1_000_000,
})

test('a member that signs clients without end displaces its own, and whoever is forgotten is told', () => {
  const most = 16
  const admitted = new AdmittedPeers(most)
  const ended: string[] = []
  admitted.onEnded((peer) => ended.push(peer))
  for (const name of ['amy', 'ben', 'mallory']) admitted.add(name, standing(name))
  for (let index = 0; index < 2 * most; index += 1) admitted.add(`client-${index}`, standing('mallory'))
  expect(admitted.all().size).toBe(most)
  expect(ended.slice(0, 2)).toEqual(['mallory', 'client-0'])
  // All that are left are ended by a revocation.
  admitted.end(0, (name) => name === 'mallory')
  expect([...admitted.all().keys()]).toEqual(['amy', 'ben'])
  expect(ended).toHaveLength(2 * most + 1)
})
