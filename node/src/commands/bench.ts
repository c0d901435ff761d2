import { Argument, type Command } from 'commander'
import { addCommonOptions, addExamples, type CommonFlags } from '../cli/options.ts'
import { parseWhole } from '../cli/parse.ts'
import { runSimProgram } from '../cli/sim-program.ts'

const names = ['decode', 'prefill', 'pipeline', 'tensor-parallel', 'allreduce', 'throughput', 'speculative', 'failover', 'membership', 'planner']

interface BenchFlags extends CommonFlags {
  readonly model?: string
  readonly rounds?: number
  readonly tokens?: number
}

export function addBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .description('measurements of this machine and of real processes on it')
    .addArgument(new Argument('<NAME>', 'what to measure').choices(names))
    .option('--model <REF>', 'a folder in Hugging Face layout, or demo (default: random weights in the shape of Llama 3.2 1B)')
    .option('--rounds <N>', 'repetitions, interleaved', parseWhole(1, 1000))
    .option('--tokens <N>', 'tokens of each measurement', parseWhole(2, 100_000))
  addCommonOptions(command).action(bench)
  addExamples(command, ['shoal bench decode --json'])
}

async function bench(name: string, { json, data, model, rounds, tokens }: BenchFlags): Promise<void> {
  const words = Object.entries({ data, model, rounds, tokens }).flatMap(([option, value]) => (value === undefined ? [] : [`--${option}`, String(value)]))
  await runSimProgram('bench', [name, ...words, ...(json === true ? ['--json'] : [])])
}
