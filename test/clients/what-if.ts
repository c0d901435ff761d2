import { expect } from 'vitest'
import type { WhatIf } from '@shoal/swarm'

/** Asks a node of a swarm what the swarm would do with one member and another device, and for a stranger. */
export async function askWhatIf(
  url: string,
  key: string,
  [kept, ...others]: readonly string[],
): Promise<void> {
  const outlook = (change: object): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify(change),
    })
  const change = { add: [{ memoryBytes: 16 * 1024 ** 3 }], remove: others }
  const { now, changed } = (await (await outlook(change)).json()) as WhatIf
  expect(now.prediction?.tokensPerSecond).toBeGreaterThan(0)
  const serving = changed.placements.map(({ peer }) => peer)
  expect(serving.length).toBeGreaterThan(0)
  expect(serving.filter((peer) => peer !== kept && peer !== 'new-1')).toEqual([])
  expect((await outlook({ remove: ['nobody'] })).status).toBe(400)
}
