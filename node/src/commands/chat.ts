import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import colours from 'picocolors'
import { isErrorCode, messageOf, onAbort, ShoalError } from '@shoal/host'
import type { ChatMessage } from '@shoal/model'
import type { Engine } from '@shoal/swarm'
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
import { withMembership } from '../cli/privacy.ts'
import { createProgressBar } from '../cli/progress.ts'
import { samplingFrom } from '../cli/sampling.ts'
import { loadSwarm } from '../swarm-port.ts'

interface ChatFlags extends CommonFlags, ModelFlags, JoinFlags, PlacementFlags, SamplingFlags {
  readonly local?: boolean
}

export function addChatCommand(program: Command): void {
  const command = program
    .command('chat')
    .description('a chat in the terminal')
    .argument('[CODE]', 'an invite to a private swarm, a code or a PIN; needed once')
  addModelOptions(command)
  addJoinOption(command)
  addSamplingOptions(command)
  addPlacementOption(command)
  addCommonOptions(command).option('--local', 'compute in this process without a network').action(chat)
  addExamples(command, [
    'shoal chat --model demo --local',
    'shoal chat --join /ip4/192.168.1.5/tcp/4001/p2p/12D3KooW…',
  ])
}

async function chat(code: string | undefined, given: ChatFlags): Promise<void> {
  const flags = withMembership(code, given)
  checkEngineFlags(flags)
  await inContext(flags, { logLevel: 'warn', logFile: false }, async (context) => {
    const swarm = await loadSwarm()
    const bar = createProgressBar()
    const opened = await openEngine(swarm, context, flags, (progress) => bar.update(progress)).finally(() =>
      bar.stop(),
    )
    try {
      context.output.line(
        colours.dim(
          `${opened.engine.manifest.manifest.name} · Ctrl-C stops an answer, a second one (or /quit) leaves`,
        ),
      )
      const turns = await converse(context, opened.engine, flags)
      context.output.result({ turns })
    } finally {
      await opened.close()
    }
  })
}

/**
 * Reads lines and answers them until the input ends or the user leaves.
 * @returns how many answers were given
 */
export async function converse(
  context: CommandContext,
  engine: Engine,
  flags: SamplingFlags,
): Promise<number> {
  const { tokenizer } = engine
  if (tokenizer === null)
    throw new ShoalError(
      'bad-request',
      `model ${engine.manifest.manifest.name} has no tokenizer, so there is no chat with it`,
    )
  const terminal = createInterface({ input: process.stdin, output: process.stderr, historySize: 200 })
  // Piped input may hold many lines at once: they wait here while an answer is generated.
  const lines = terminal[Symbol.asyncIterator]()
  let answer: AbortController | null = null
  let closed = false
  terminal.once('close', () => {
    closed = true
  })
  const onInterrupt = (): void => {
    if (answer === null) terminal.close()
    else answer.abort(new Error('interrupted'))
  }
  terminal.on('SIGINT', onInterrupt)
  onAbort(context.signal, () => {
    answer?.abort(context.signal.reason)
    terminal.close()
  })
  const messages: ChatMessage[] = []
  let turns = 0
  try {
    terminal.setPrompt(colours.cyan('you › '))
    terminal.prompt()
    for (
      let line = await lines.next();
      line.done !== true && line.value !== '/quit';
      line = await lines.next()
    ) {
      if (line.value.trim() !== '') {
        answer = new AbortController()
        messages.push({ role: 'user', content: line.value })
        const text = await reply(context, engine, messages, { ...flags, signal: answer.signal })
        answer = null
        messages.push({ role: 'assistant', content: text })
        turns += 1
      }
      if (context.signal.aborted) break
      // When the input has ended, the prompt is closed, and lines may still wait for their answers.
      if (!closed) terminal.prompt()
    }
    // After Ctrl-C and Ctrl-D the cursor stands behind the prompt.
    if (closed && process.stdin.isTTY) process.stderr.write('\n')
  } finally {
    terminal.close()
  }
  return turns
}

async function reply(
  context: CommandContext,
  engine: Engine,
  messages: readonly ChatMessage[],
  options: SamplingFlags & { signal: AbortSignal },
): Promise<string> {
  let text = ''
  try {
    const events = engine.generate({
      promptIds: await promptOf(engine, messages),
      maxTokens: options.maxTokens,
      sampling: samplingFrom(options, engine.defaultSampling, context.random.uint32()),
      signal: options.signal,
    })
    for await (const event of events) {
      text += event.text
      context.output.write(event.text)
    }
  } catch (error) {
    // A failed answer does not end the chat, unless the cause is a bug.
    const known =
      error instanceof Error && 'code' in error && typeof error.code === 'string' && isErrorCode(error.code)
    if (!known && !options.signal.aborted) throw error
    context.output.write(colours.red(options.signal.aborted ? ' …' : `[${messageOf(error)}]`))
  }
  context.output.line('')
  return text
}

/** Ids of the newest messages that fit half of the context: the other half is left for the answer. */
export async function promptOf(engine: Engine, messages: readonly ChatMessage[]): Promise<number[]> {
  const { tokenizer } = engine
  if (tokenizer === null) return []
  const room = Math.floor(engine.manifest.manifest.config.contextLength / 2)
  for (let first = 0; ; first += 2) {
    const kept = messages.slice(first)
    const ids = tokenizer.chat
      ? await tokenizer.encode(await tokenizer.renderChat(kept), { addSpecialTokens: false })
      : await tokenizer.encode(kept.map(({ content }) => content).join('\n'))
    if (ids.length <= room || kept.length <= 1) return ids
  }
}
