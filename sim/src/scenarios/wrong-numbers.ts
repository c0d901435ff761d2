import { form } from '../simulator/calm.ts'
import type { World } from '../simulator/world.ts'
import type { Scenario } from './scenario.ts'
import { answerWhile, someStage } from './telling.ts'

/** The protocol cannot detect wrong but finite numbers; the checkers must. */
async function play(world: World): Promise<void> {
  await form(world, ['c0'])
  await answerWhile(
    world,
    8,
    () => void world.watch.corrupt(someStage(world), 'wrong', () => world.book.note('corrupt'), true),
  )
}

/** The one scenario that ends with violations: it proves that the checkers find them, and shows how they look. */
export const wrongNumbersScenario: Scenario = {
  name: 'wrong-numbers',
  about: 'a stage computes wrong numbers: must end with violations and status 1',
  topology: 'lan',
  nodes: 5,
  nodesMin: 4,
  play,
}
