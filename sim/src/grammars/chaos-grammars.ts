import { silentLogger } from '@shoal/host'
import { dataDirectory, systemClock, systemRandom } from '@shoal/host/node'
import { openLocalEngine } from '@shoal/swarm/node'
import type { HarnessReport } from '../chaos.ts'
import { answerRandomSchemas } from './schema-answers.ts'

const maxTokens = 300

/** Random schemas, the demo model at temperature 1.5, and every finished answer valid. */
export async function chaosGrammars(
  from: number,
  count: number,
  report: (line: string) => void,
): Promise<HarnessReport> {
  const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }
  const engine = await openLocalEngine(dependencies, {
    model: 'demo',
    dataFolder: dataDirectory(undefined),
    threads: 1,
  })
  try {
    const { finished, cut, refused, tokens, violations } = await answerRandomSchemas(engine, {
      from,
      count,
      maxTokens,
      report(done, answers) {
        if (done % 50 === 0) report(`${done} of ${count}: ${answers.finished} finished, ${answers.cut} cut`)
      },
    })
    return {
      failed: violations.map(({ seed, violation }) => ({
        seed,
        violations: [violation],
        repeat: `npm run chaos -- grammars --from ${seed} --count 1`,
      })),
      lines: [
        `${count} schemas: ${finished} answers finished, of which ${finished - violations.length} are valid; ${cut} reached ${maxTokens} tokens; ${tokens} tokens`,
        `${refused} other schemas were refused`,
      ],
    }
  } finally {
    await engine.close()
  }
}
