import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLocalEngine } from '@shoal/swarm/node'
import type { HarnessReport } from '../chaos.ts'
import { harnessDependencies } from '../processes/answers.ts'
import { layouts } from './layouts.ts'
import { whyNoNamespaces } from './namespaces.ts'
import { playLayout, type Question } from './play-layout.ts'

/**
 * Real processes behind real routers, one run for each layout of networks.
 * @param name of one layout, or `each`
 * @param idleSeconds how long layouts of which nothing is asked are counted
 */
export async function chaosTopologies(
  name: string,
  report: (line: string) => void,
  idleSeconds = 600,
): Promise<HarnessReport> {
  const chosen = layouts.filter((layout) => name === 'each' || layout.name === name)
  if (chosen.length === 0)
    throw new Error(`--layout is one of ${layouts.map((each) => each.name).join(', ')}`)
  const why = whyNoNamespaces()
  if (why !== null) return { failed: [], lines: [`skipped: ${why}`] }
  const folder = await mkdtemp(join(tmpdir(), 'shoal-topologies-'))
  try {
    const question = await questionIn(folder)
    const lines: string[] = []
    const failed: { seed: number; violations: readonly string[]; repeat: string }[] = []
    for (const [seed, layout] of chosen.entries()) {
      const played = await playLayout(layout, question, {
        folder: join(folder, layout.name),
        idleMs: idleSeconds * 1000,
        report,
      })
      lines.push(...played.lines)
      const repeat = `npm run chaos -- topologies --layout ${layout.name}`
      if (played.violations.length > 0) failed.push({ seed, violations: played.violations, repeat })
    }
    lines.push(`${chosen.length} topologies, ${failed.length} with faults`)
    return { failed, lines }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What one process answers. */
export async function questionIn(folder: string, maxTokens = 240): Promise<Question> {
  const dataFolder = join(folder, 'local')
  const engine = await openLocalEngine(harnessDependencies, { model: 'demo', threads: 1, dataFolder })
  const promptIds = [5, 6, 7, 8]
  try {
    const tokenIds: number[] = []
    const sampling = { ...engine.defaultSampling, temperature: 0 }
    for await (const event of engine.generate({ promptIds, maxTokens, ignoreEos: true, sampling }))
      if (event.type === 'done') tokenIds.push(...event.result.tokenIds)
    return { promptIds, maxTokens, tokenIds }
  } finally {
    await engine.close()
  }
}
