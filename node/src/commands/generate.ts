import type { Command } from 'commander'
import { ShoalError } from '@shoal/host'
import { isInviteCode } from '@shoal/trust'
import type { Engine, GenerateResult } from '@shoal/swarm'
import { inContext, type CommandContext } from '../cli/context.ts'
import { checkEngineFlags, openEngine } from '../cli/open-engine.ts'
import {
  addCommonOptions,
  addExamples,
  addJoinOption,
  addModelOptions,
  addPlacementOption,
  addSamplingOptions,
} from '../cli/options.ts'
import type { CommonFlags, JoinFlags, ModelFlags, PlacementFlags, SamplingFlags } from '../cli/options.ts'
import { parseTokenIds } from '../cli/parse.ts'
import { routeText } from '../cli/picture.ts'
import { createProgressBar } from '../cli/progress.ts'
import { isInvite, withMembership } from '../cli/privacy.ts'
import { samplingFrom } from '../cli/sampling.ts'
import { readStandardInput } from '../cli/standard-input.ts'
import { UsageError } from '../cli/usage-error.ts'
import { loadSwarm } from '../swarm-port.ts'

interface GenerateFlags extends CommonFlags, ModelFlags, JoinFlags, PlacementFlags, SamplingFlags {
  readonly local?: boolean
  readonly promptIds?: number[]
  readonly raw?: boolean
  readonly ignoreEos?: boolean
}

export function addGenerateCommand(program: Command): void {
  const command = program
    .command('generate')
    .description('one answer, streamed')
    .argument('[CODE]', 'an invite to a private swarm, a code or a PIN; needed once')
    .argument(
      '[PROMPT]',
      'what to answer; rendered as one message of a chat unless --raw (default: standard input, where that is no terminal)',
    )
  addModelOptions(command)
  addJoinOption(command)
  addSamplingOptions(command)
  addPlacementOption(command)
  addCommonOptions(command)
    .option(
      '--local',
      'compute in this process without a network: the reference with which the answers of swarms are compared',
    )
    .option('--prompt-ids <IDS>', 'token ids with commas between them, in place of PROMPT', parseTokenIds)
    .option('--raw', 'skip the chat template: the model continues PROMPT as it is')
    .option('--ignore-eos', "continue after the model's end token")
    .action(generate)
  addExamples(command, [
    'shoal generate "Who are you?" --model demo --local',
    'shoal generate "Who are you?" --join /ip4/192.168.1.5/tcp/4001/p2p/12D3KooW…',
    'echo "Who are you?" | shoal generate --model demo --local',
    'shoal generate "Once upon a time" --model demo --local --raw --temperature 0 --json',
  ])
}

async function generate(
  first: string | undefined,
  second: string | undefined,
  given: GenerateFlags,
): Promise<void> {
  // Six digits alone are a prompt; with a prompt beside them they are a PIN.
  const prompted = second !== undefined || given.promptIds !== undefined
  const invited = first !== undefined && (prompted ? isInvite(first) : isInviteCode(first))
  const code = invited ? first : undefined
  const argument = code === undefined ? first : second
  if (code === undefined && second !== undefined)
    throw new UsageError('give one PROMPT, in quotes where it has spaces')
  const flags = withMembership(code, given)
  checkEngineFlags(flags)
  const prompt =
    argument === undefined && flags.promptIds === undefined
      ? await readStandardInput(process.stdin)
      : argument
  if ((prompt === undefined) === (flags.promptIds === undefined))
    throw new UsageError('give either PROMPT, also as standard input, or --prompt-ids IDS')
  await inContext(flags, { logLevel: 'warn', logFile: false }, async (context) => {
    const swarm = await loadSwarm()
    const bar = createProgressBar()
    const opened = await openEngine(swarm, context, flags, (progress) => bar.update(progress)).finally(() =>
      bar.stop(),
    )
    try {
      const { engine } = opened
      const promptIds = flags.promptIds ?? (await promptIdsOf(engine, prompt ?? '', flags.raw ?? false))
      const result = await stream(context, engine, {
        promptIds,
        maxTokens: flags.maxTokens,
        sampling: samplingFrom(flags, engine.defaultSampling, context.random.uint32()),
        ignoreEos: flags.ignoreEos ?? false,
        signal: context.signal,
      })
      context.output.result(result)
      context.logger.info('generation-ended', {
        tokens: result.completionTokens,
        tokensPerSecond: result.tokensPerSecond,
        ttftMs: result.ttftMs,
        route: routeText(result.route),
      })
      if (result.finishReason === 'cancelled') throw new ShoalError('cancelled', 'interrupted')
    } finally {
      await opened.close()
    }
  })
}

/** Ids of one user message in the chat template, or of the text itself with `raw` or without a template. */
export async function promptIdsOf(engine: Engine, prompt: string, raw: boolean): Promise<number[]> {
  const { tokenizer } = engine
  if (tokenizer === null)
    throw new ShoalError(
      'bad-request',
      `model ${engine.manifest.manifest.name} has no tokenizer: give token ids with --prompt-ids`,
    )
  if (raw || !tokenizer.chat) return tokenizer.encode(prompt)
  return tokenizer.encode(await tokenizer.renderChat([{ role: 'user', content: prompt }]), {
    addSpecialTokens: false,
  })
}

/** Writes an answer as it is generated. @returns its result */
export async function stream(
  context: CommandContext,
  engine: Engine,
  request: Parameters<Engine['generate']>[0],
): Promise<GenerateResult> {
  let result: GenerateResult | null = null
  for await (const event of engine.generate(request)) {
    // A model without a tokenizer yields ids only.
    const ids = engine.tokenizer === null && event.type === 'token' ? `${event.tokenId} ` : ''
    context.output.write(event.text + ids)
    if (event.type === 'done') result = event.result
  }
  context.output.line('')
  if (result === null) throw new ShoalError('internal', 'the generation ended without a result')
  return result
}
