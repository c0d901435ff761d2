import type { Command } from 'commander'
import colours from 'picocolors'
import { isErrorCode, messageOf, onAbort, ShoalError } from '@shoal/host'
import type { ChatMessage } from '@shoal/model'
import type { Engine, SwarmStatus } from '@shoal/swarm'
import { chatCommand, type ChatState } from '../chat/commands.ts'
import { readMessages } from '../chat/lines.ts'
import { TerminalMarkdown } from '../chat/terminal-markdown.ts'
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
import { answerFigures, routeText } from '../cli/picture.ts'
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
          `${opened.engine.manifest.manifest.name} · /help shows what else there is · Ctrl-C stops an answer, on an empty line it leaves`,
        ),
      )
      const turns = await converse(context, opened, flags)
      context.output.result({ turns })
    } finally {
      await opened.close()
    }
  })
}

export interface Chat {
  readonly engine: Engine
  /** Null where the engine computes in this process. */
  readonly status: () => SwarmStatus | null
  /** Of an answer that was given before, in words. */
  readonly route?: string
}

/**
 * Reads messages and answers them until the input ends or the user leaves.
 * @returns how many answers were given
 */
export async function converse(context: CommandContext, chat: Chat, flags: SamplingFlags): Promise<number> {
  const { engine, status } = chat
  const model = engine.manifest.manifest.name
  if (engine.tokenizer === null)
    throw new ShoalError('bad-request', `model ${model} has no tokenizer, so there is no chat with it`)
  let answer: AbortController | null = null
  const lines = readMessages({
    stdin: process.stdin,
    shown: process.stderr,
    onInterrupt() {
      if (answer === null) lines.close()
      else answer.abort(new Error('interrupted'))
    },
  })
  onAbort(context.signal, () => {
    answer?.abort(context.signal.reason)
    lines.close()
  })
  const state: ChatState = { messages: [], model, route: chat.route ?? null, status }
  let turns = 0
  try {
    for (;;) {
      lines.prompt(colours.cyan('you › '))
      const line = await lines.next()
      if (line === null) break
      const told = chatCommand(line, state)
      if (told === 'quit') return turns
      for (const each of told ?? []) context.output.line(each)
      if (told === null && line.trim() !== '') {
        answer = new AbortController()
        state.messages.push({ role: 'user', content: line.trim() })
        const text = await reply(context, engine, state, { ...flags, signal: answer.signal })
        answer = null
        state.messages.push({ role: 'assistant', content: text })
        turns += 1
      }
      if (context.signal.aborted) break
    }
    // After Ctrl-C and Ctrl-D the cursor stands behind the prompt.
    if (process.stdin.isTTY) process.stderr.write('\n')
  } finally {
    lines.close()
  }
  return turns
}

async function reply(
  context: CommandContext,
  engine: Engine,
  state: ChatState,
  options: SamplingFlags & { signal: AbortSignal },
): Promise<string> {
  let text = ''
  let status = ''
  // Output that goes into a file, or to a terminal without colours, is the text as the model writes it.
  const styled = process.stdout.isTTY && colours.isColorSupported ? new TerminalMarkdown() : null
  try {
    const events = engine.generate({
      promptIds: await promptOf(engine, state.messages),
      maxTokens: options.maxTokens,
      sampling: samplingFrom(options, engine.defaultSampling, context.random.uint32()),
      signal: options.signal,
    })
    for await (const event of events) {
      text += event.text
      context.output.write(styled?.push(event.text) ?? event.text)
      if (event.type === 'done') {
        state.route = routeText(event.result.route)
        status = answerFigures(event.result)
      }
    }
  } catch (error) {
    // A failed answer does not end the chat, unless the cause is a bug.
    const known =
      error instanceof Error && 'code' in error && typeof error.code === 'string' && isErrorCode(error.code)
    if (!known && !options.signal.aborted) throw error
    context.output.write(styled?.end() ?? '')
    context.output.write(colours.red(options.signal.aborted ? ' …' : `[${messageOf(error)}]`))
  }
  context.output.line(styled?.end() ?? '')
  // For the person at the terminal: output that goes into a file is the answer alone.
  if (status !== '' && process.stderr.isTTY) process.stderr.write(`${colours.dim(status)}\n`)
  return text
}

/** Ids of the newest messages that fit half of the context: the other half is left for the answer. */
export async function promptOf(engine: Engine, messages: readonly ChatMessage[]): Promise<number[]> {
  const { tokenizer } = engine
  if (tokenizer === null) return []
  const room = Math.floor(engine.manifest.manifest.config.contextLength / 2)
  // The system prompt stays, whatever is left out.
  const system = messages.filter(({ role }) => role === 'system')
  const turns = messages.filter(({ role }) => role !== 'system')
  for (let first = 0; ; first += 2) {
    const kept = [...system, ...turns.slice(first)]
    const ids = tokenizer.chat
      ? await tokenizer.encode(await tokenizer.renderChat(kept), { addSpecialTokens: false })
      : await tokenizer.encode(kept.map(({ content }) => content).join('\n'))
    if (ids.length <= room || turns.length - first <= 1) return ids
  }
}
