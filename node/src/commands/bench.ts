import { Argument, type Command } from 'commander'
import { addCommonOptions, addExamples, addModelOptions, type CommonFlags, type ModelFlags } from '../cli/options.ts'
import { runSimProgram } from '../cli/sim-program.ts'

const names = ['decode', 'prefill', 'pipeline', 'tensor-parallel', 'allreduce', 'throughput', 'speculative', 'failover', 'membership', 'planner']

export function addBenchCommand(program: Command): void {
  const command = program.command('bench').description('measurements of this machine and of real processes on it').addArgument(new Argument('<NAME>', 'what to measure').choices(names))
  addModelOptions(command)
  addCommonOptions(command).action(bench)
  addExamples(command, ['shoal bench decode --json'])
}

async function bench(name: string, { json, data, model, weights, kv, threads }: CommonFlags & ModelFlags): Promise<void> {
  const values = { data, model, weights, kv, threads }
  const words = Object.entries(values).flatMap(([option, value]) => (value === undefined ? [] : [`--${option}`, String(value)]))
  await runSimProgram('bench', [name, ...words, ...(json === true ? ['--json'] : [])])
}
