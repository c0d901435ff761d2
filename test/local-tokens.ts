import type { World } from './harness.ts'

/** Greedy token ids of one process: the reference of every swarm. @param model options that name the model */
export async function localTokens(
  world: World,
  prompt: string,
  model: readonly string[],
  tokens: number,
): Promise<readonly number[]> {
  const ask = [prompt, '--raw', ...model, '--temperature', '0', '--ignore-eos', '--max-tokens', `${tokens}`]
  const local = await world.run(['generate', ...ask, '--local', '--json'])
  return (local.json() as { tokenIds: number[] }).tokenIds
}
