import { Argument, InvalidArgumentError, type Command } from 'commander'
import { inContext } from '../cli/context.ts'
import { addCommonOptions, addExamples, type CommonFlags } from '../cli/options.ts'
import { parseWhole } from '../cli/parse.ts'
import { hasSimPart, runSimProgram } from '../cli/sim-program.ts'
import { unknownName } from '../cli/similar-name.ts'

/** Benches by name, with the question that each answers. */
const benches: Readonly<Record<string, string>> = {
  decode: 'tokens per second of one process, by weight format and threads',
  prefill: 'time of a prompt, by length, format and threads',
  pipeline: 'tokens per second of two and of four processes, against one process',
  'tensor-parallel':
    'tokens per second of two ranks that compute the same blocks together, against one process',
  allreduce: 'time to add the partial sums of ranks, by number of ranks and bytes',
  throughput: 'tokens per second of sixteen sessions at once, against one session',
  prefix: 'time to the first token of a second request and of a next turn, over the first request',
  speculative: 'drafted tokens: how many are accepted, what they gain',
  failover: 'how long a lost peer interrupts a stream',
  flips: 'how often a token differs when an answer goes on in another shape',
  grammar: 'what a grammar adds to each token, at a vocabulary of 128,256',
  groups: 'whether ranks pay where the planner says so: slow devices behind shaped links',
  membership:
    'bytes of a member’s document and of gossip per peer, time to heal a partition and to detect a loss',
  memory: 'memory of a serving node besides its weights, and its growth; a round takes a minute',
  audit:
    'how soon a peer with wrong results is found, what audits cost, and how many honest peers are convicted',
  planner: 'how much slower plans are than the best ones (found by brute force), and planning time',
  relay: 'rate and round trip through a relay beside a direct connection, one and several sessions',
  quality: 'what each weight format changes: KL divergence, agreement, perplexity, bytes per weight',
}

interface BenchFlags extends CommonFlags {
  readonly model?: string
  readonly weights?: string
  readonly rounds?: number
  readonly tokens?: number
}

export function addBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .description('measure this machine, or real processes on it')
    .addArgument(
      new Argument('[NAME]', 'what to measure; without it the benches are listed')
        .choices(Object.keys(benches))
        .argParser(parseName),
    )
    .option(
      '--model <REF>',
      'a folder in Hugging Face layout, or demo (default: random weights in the shape of Llama 3.2 1B)',
    )
    .option(
      '--weights <FORMAT>',
      'weight format of pipeline, prefix, tensor-parallel and throughput (default: as for up)',
    )
    .option('--rounds <N>', 'repetitions, interleaved', parseWhole(1, 1000))
    .option('--tokens <N>', 'tokens of each measurement', parseWhole(2, 100_000))
  addCommonOptions(command).action(bench)
  addExamples(command, [
    'shoal bench',
    'shoal bench decode --json',
    'shoal bench pipeline --model demo --rounds 3',
    'shoal bench pipeline --weights int4:32 --json',
  ])
}

function parseName(name: string): string {
  if (Object.hasOwn(benches, name)) return name
  throw new InvalidArgumentError(`${unknownName(name, Object.keys(benches))}.`)
}

async function bench(name: string | undefined, flags: BenchFlags): Promise<void> {
  if (name === undefined) return list(flags)
  const { json, data, model, weights, rounds, tokens } = flags
  const words = Object.entries({ data, model, weights, rounds, tokens }).flatMap(([option, value]) =>
    value === undefined ? [] : [`--${option}`, String(value)],
  )
  await runSimProgram('bench', [name, ...words, ...(json === true ? ['--json'] : [])])
}

async function list(flags: BenchFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, ({ output }) => {
    const available = hasSimPart('bench.ts')
    const rows = Object.entries(benches).map(([name, measures]) => ({ name, measures, available }))
    for (const { name, measures } of rows) output.line(`  ${name.padEnd(16)}  ${measures}`)
    if (!available)
      output.line('\nBenches run in a clone of the repository: this installation does not have them.')
    output.result({ benches: rows })
    return Promise.resolve()
  })
}
