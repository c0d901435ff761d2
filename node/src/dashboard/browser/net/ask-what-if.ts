import type { WhatIf } from '@shoal/swarm'
import { askApi } from './api.ts'

const gib = 1024 ** 3

/** @throws {RefusedRequest} */
export async function askWhatIf(addGib: readonly number[], remove: readonly string[]): Promise<WhatIf> {
  const response = await askApi('/swarm/what-if', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ add: addGib.map((size) => ({ memoryBytes: size * gib })), remove }),
  })
  return (await response.json()) as WhatIf
}
