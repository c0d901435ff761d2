import { modelCosts } from '@shoal/planner'
import { openReference } from '@shoal/swarm/node'
import { points, slowdown } from './groups/points.ts'
import { runPoint } from './groups/run-point.ts'
import { describeMachine } from './machine.ts'
import { wideBenchModel } from './model.ts'
import { median, medians, round, type BenchReport } from './report.ts'
import { promptTokens, type BenchSettings } from './settings.ts'

/** Tests the planner's verdict on groups: real processes with shaped links use the same slow devices in both ways. */
export async function benchGroups(settings: BenchSettings): Promise<BenchReport> {
  const model = await wideBenchModel(settings.model, settings.dataFolder, settings.report)
  const reference = await openReference(model)
  const costs = modelCosts(reference.source.config, reference.defaultProfile)
  await reference.source.close()
  const samples: Record<string, readonly number[]> = {}
  const figures: Record<string, number> = {}
  const choices: Record<string, string> = {}
  let choicesConfirmed = 0
  for (const point of points) {
    const { choice, choosesGroup, predictedGroupMs, predictedSingleMs, measuredGroupMs, measuredSingleMs } =
      await runPoint(point, { ...settings, model, costs })
    const { name } = point
    samples[`measuredMs${name}Group`] = measuredGroupMs.map(round)
    samples[`predictedMs${name}Pipeline`] = predictedSingleMs.map(round)
    samples[`measuredMs${name}Pipeline`] = measuredSingleMs.map(round)
    figures[`predictedMs${name}Group`] = round(predictedGroupMs)
    figures[`predictionError${name}Group`] = round(Math.abs(predictedGroupMs / median(measuredGroupMs) - 1))
    figures[`predictionError${name}Pipeline`] = round(
      Math.abs(median(predictedSingleMs) / median(measuredSingleMs) - 1),
    )
    choices[name] = choice
    const groupIsFaster = median(measuredGroupMs) < median(measuredSingleMs)
    if (groupIsFaster === choosesGroup) choicesConfirmed += 1
    settings.report(
      `${name}: the planner takes ${choice}, ${groupIsFaster === choosesGroup ? 'and it is' : 'which is not'} the faster one`,
    )
  }
  return {
    name: 'groups',
    machine: describeMachine(),
    model: settings.model ?? 'random, Llama shape, 4 blocks of 2,048 columns',
    settings: { rounds: settings.rounds, tokens: settings.tokens, promptTokens, slowdown, points, choices },
    samples,
    median: { choicesConfirmed, ...medians(samples), ...figures },
    notes: [
      `every device computes ${slowdown} times slower than this machine, so that they do not wait for its cores`,
      'Pipeline: each device by itself, as the planner of the swarm arranges them; Group: the same devices in the groups of the point, with as many blocks each as planGroups gives them',
      'the planner is asked with what the running devices say of their speed, memory and links; predictions begin and end at whoever asks',
      'choices: stages of the best plan by the number of their ranks; confirmed: what it takes is the faster one',
    ],
  }
}
