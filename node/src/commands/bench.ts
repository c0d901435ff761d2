import { Argument, type Command } from 'commander'
import { inContext } from '../cli/context.ts'
import { addCommonOptions, addExamples, type CommonFlags } from '../cli/options.ts'
import { parseWhole } from '../cli/parse.ts'
import { hasSimPart, runSimProgram } from '../cli/sim-program.ts'
import { UsageError } from '../cli/usage-error.ts'

/** Benches by name, with the question that each answers. */
const benches: Readonly<Record<string, string>> = {
  decode: 'tokens per second of one process, by weight format and threads',
  prefill: 'time of a prompt, by length, format and threads',
  pipeline: 'two and four processes against one',
  'tensor-parallel': 'two ranks of one block range against one',
  allreduce: 'exchanging partial sums, by ranks and bytes',
  throughput: 'sixteen sessions at once against one',
  prefix: 'time to the first token of a second request and of a next turn, over the first request',
  speculative: 'drafted tokens: how many are accepted, what they gain',
  failover: 'how long a lost peer interrupts a stream',
  flips: 'how often a token differs when an answer goes on in another shape',
  groups: 'whether ranks pay where the planner says so: slow devices behind shaped links',
  membership: 'bytes of the document, gossip per peer, healing, detection',
  memory: 'own memory of a serving node beside its weights, and its growth; a round is a minute',
  audit: 'how soon a peer that lies is found, what audits cost, and whom they put out wrongly',
  planner: 'regret against brute force, planning time',
  quality: 'what each weight format changes: KL divergence, agreement, perplexity, bytes per weight',
}

interface BenchFlags extends CommonFlags {
  readonly model?: string
  readonly rounds?: number
  readonly tokens?: number
}

export function addBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .description('measurements of this machine and of real processes on it')
    .addArgument(
      new Argument('[NAME]', 'what to measure; without it the benches are listed').choices(
        Object.keys(benches),
      ),
    )
    .option(
      '--model <REF>',
      'a folder in Hugging Face layout, or demo (default: random weights in the shape of Llama 3.2 1B)',
    )
    .option('--rounds <N>', 'repetitions, interleaved', parseWhole(1, 1000))
    .option('--tokens <N>', 'tokens of each measurement', parseWhole(2, 100_000))
  addCommonOptions(command).action(bench)
  addExamples(command, [
    'shoal bench',
    'shoal bench decode --json',
    'shoal bench pipeline --model demo --rounds 3',
  ])
}

async function bench(name: string | undefined, flags: BenchFlags): Promise<void> {
  if (name === undefined) return list(flags)
  if (!hasSimPart(`bench/${name}.ts`))
    throw new UsageError(`bench ${name} is not supported yet: shoal bench lists those that are`)
  const { json, data, model, rounds, tokens } = flags
  const words = Object.entries({ data, model, rounds, tokens }).flatMap(([option, value]) =>
    value === undefined ? [] : [`--${option}`, String(value)],
  )
  await runSimProgram('bench', [name, ...words, ...(json === true ? ['--json'] : [])])
}

async function list(flags: BenchFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, ({ output }) => {
    const rows = Object.entries(benches).map(([name, measures]) => ({
      name,
      measures,
      available: hasSimPart(`bench/${name}.ts`),
    }))
    for (const { name, measures, available } of rows)
      output.line(`  ${name.padEnd(16)}  ${measures}${available ? '' : ' (not yet)'}`)
    output.result({ benches: rows })
    return Promise.resolve()
  })
}
