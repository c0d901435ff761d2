import { writeFileSync } from 'node:fs'
import { ShoalError, messageOf } from '@shoal/host'
import type { ChatMessage } from '@shoal/model'
import type { SwarmStatus } from '@shoal/swarm'
import { swarmPicture } from '../cli/picture.ts'

/** What the commands of a chat see and change. */
export interface ChatState {
  /** The conversation, a system prompt first where there is one. */
  messages: ChatMessage[]
  readonly model: string
  /** Of the last answer, in words; null before the first. */
  route: string | null
  /** Null where the model is computed in this process. */
  readonly status: () => SwarmStatus | null
}

interface ChatCommand {
  readonly words: string
  readonly help: string
  /** @returns lines for the user */
  run(state: ChatState, argument: string): readonly string[]
}

const system = (state: ChatState): ChatMessage[] => state.messages.filter(({ role }) => role === 'system')

const commands: Readonly<Record<string, ChatCommand>> = {
  help: { words: '/help', help: 'show this', run: () => helpLines() },
  new: {
    words: '/new',
    help: 'forget the conversation, and keep the system prompt',
    run(state) {
      state.messages = system(state)
      return ['a new conversation']
    },
  },
  system: {
    words: '/system [TEXT]',
    help: 'set the system prompt; without TEXT, remove it',
    run(state, argument) {
      const others = state.messages.filter(({ role }) => role !== 'system')
      state.messages = argument === '' ? others : [{ role: 'system', content: argument }, ...others]
      return [argument === '' ? 'no system prompt' : 'system prompt set']
    },
  },
  model: { words: '/model', help: 'name the model', run: (state) => [state.model] },
  route: {
    words: '/route',
    help: 'the peers that computed the last answer',
    run: (state) => [state.route ?? 'no answer yet'],
  },
  swarm: {
    words: '/swarm',
    help: 'who holds which blocks',
    run(state) {
      const status = state.status()
      return status === null ? ['this process computes the model alone'] : swarmPicture(status)
    },
  },
  save: {
    words: '/save FILE',
    help: 'write the conversation to a new file, as JSON',
    run(state, argument) {
      if (argument === '') return ['which file? /save FILE']
      writeFileSync(argument, `${JSON.stringify(state.messages, null, 2)}\n`, { flag: 'wx' })
      return [`saved in ${argument}`]
    },
  },
  quit: { words: '/quit', help: 'leave; Ctrl-D does too', run: () => [] },
}

function helpLines(): string[] {
  return [
    ...Object.values(commands).map(({ words, help }) => `  ${words.padEnd(16)}${help}`),
    '  A line that ends in \\ goes on in the next. Pasted lines are one message. A space before / sends the line as it is.',
    '  Ctrl-C stops an answer, or clears a line; on an empty line it leaves.',
  ]
}

/**
 * Does what a line that begins with a command says.
 * @returns lines for the user, `'quit'`, or null for a line that is a message to the model
 */
export function chatCommand(line: string, state: ChatState): readonly string[] | 'quit' | null {
  // A path such as /etc/hosts is no command.
  const [, name = '', argument = ''] = /^\/([a-zA-Z?]+)(?:\s+([\s\S]*))?$/.exec(line.trimEnd()) ?? []
  if (name === '') return null
  if (name === 'quit' || name === 'exit') return 'quit'
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) return [`there is no command /${name}; /help shows all`]
  try {
    return command.run(state, argument.trim())
  } catch (error) {
    if (!(error instanceof ShoalError) && !(error instanceof Error && 'code' in error)) throw error
    return [messageOf(error)]
  }
}
