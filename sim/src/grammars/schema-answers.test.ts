import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { openLocalEngine } from '@shoal/swarm/node'
import { expect, test } from 'vitest'
import { answerRandomSchemas } from './schema-answers.ts'

test('every finished answer under a random schema is valid', async () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'shoal-grammars-'))
  const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }
  const engine = await openLocalEngine(dependencies, { model: 'demo', dataFolder, threads: 1 })
  try {
    const answers = await answerRandomSchemas(engine, { from: 1, count: 40, maxTokens: 60 })
    expect(answers.violations).toEqual([])
    expect(answers.finished + answers.cut).toBe(40)
    expect(answers.finished).toBeGreaterThan(10)
  } finally {
    await engine.close()
    rmSync(dataFolder, { recursive: true, force: true })
  }
}, 60_000)
