import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { questionIn } from './chaos-topologies.ts'
import { layouts } from './layouts.ts'
import { whyNoNamespaces } from './namespaces.ts'
import { playLayout } from './play-layout.ts'

const why = whyNoNamespaces()
const name =
  'nodes of two homes that join by an invite meet through both routers, and answer as one process does'

// `npm run chaos -- topologies` plays the other layouts, with relays that are killed and paths that are cut.
test.skipIf(why !== null)(
  why === null ? name : `${name} (skipped: ${why})`,
  { timeout: 300_000 },
  async () => {
    const layout = layouts.find((each) => each.name === 'homes')
    if (layout === undefined) throw new Error('no such layout')
    const folder = await mkdtemp(join(tmpdir(), 'shoal-homes-'))
    try {
      const question = await questionIn(folder, 40)
      const { lines, violations } = await playLayout(layout, question, {
        folder,
        idleMs: 0,
        report: () => undefined,
      })
      expect(violations).toEqual([])
      expect(lines.join('\n')).toContain('a–b punched')
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)
