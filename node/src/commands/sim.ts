import type { Command } from 'commander'
import { addCommonOptions, addExamples, type CommonFlags } from '../cli/options.ts'
import { parseWhole } from '../cli/parse.ts'
import { runSimProgram } from '../cli/sim-program.ts'

interface SimFlags extends CommonFlags {
  readonly seed?: number
  readonly nodes?: number
  readonly runner?: string
  readonly trace?: string
}

export function addSimCommand(program: Command): void {
  const command = program
    .command('sim')
    .description('run a swarm in virtual time: the real code over a simulated network')
    .argument('<SCENARIO>', 'name of a scenario, or list')
    .option('--seed <N>', 'the same seed gives the same run', parseWhole(0, 4_294_967_295))
    .option('--nodes <N>', 'peers in the swarm', parseWhole(1, 10_000))
    .option(
      '--runner <NAME>',
      "reference = computes real results; cost = takes the same virtual time without computing (default: the scenario's)",
    )
    .option('--trace <FILE>', 'write every event of the run to this file, one per line')
  addCommonOptions(command).action(sim)
  addExamples(command, [
    'shoal sim list',
    'shoal sim lan --seed 7 --nodes 12',
    'shoal sim chaos --seed 7 --json',
    'shoal sim large --seed 1 --nodes 100',
  ])
}

async function sim(scenario: string, flags: SimFlags): Promise<void> {
  const { seed, nodes, runner, trace, json } = flags
  await runSimProgram('sim', [
    scenario,
    ...(seed === undefined ? [] : ['--seed', String(seed)]),
    ...(nodes === undefined ? [] : ['--nodes', String(nodes)]),
    ...(runner === undefined ? [] : ['--runner', runner]),
    ...(trace === undefined ? [] : ['--trace', trace]),
    ...(json === true ? ['--json'] : []),
  ])
}
