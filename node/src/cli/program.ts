import { Command, CommanderError } from 'commander'
import { isErrorCode, messageOf, printableLines } from '@shoal/host'
import { addAuditCommand } from '../commands/audit.ts'
import { addBenchCommand } from '../commands/bench.ts'
import { addBootstrapCommand } from '../commands/bootstrap.ts'
import { addChatCommand } from '../commands/chat.ts'
import { addCompletionCommand } from '../commands/completion.ts'
import { addDoctorCommand } from '../commands/doctor.ts'
import { addGenerateCommand } from '../commands/generate.ts'
import { addGrantsCommand } from '../commands/grants.ts'
import { addInviteCommand } from '../commands/invite.ts'
import { addLockCommand } from '../commands/lock.ts'
import { addModelCommand } from '../commands/model.ts'
import { addPlanCommand } from '../commands/plan.ts'
import { addRankCommand } from '../commands/rank.ts'
import { addServeCommand } from '../commands/serve.ts'
import { addSimCommand } from '../commands/sim.ts'
import { addStartCommand } from '../commands/start.ts'
import { addStatusCommand } from '../commands/status.ts'
import { addSwarmCommand } from '../commands/swarm.ts'
import { addUpCommand } from '../commands/up.ts'
import { systemRefusal } from './system-error.ts'
import { ToldError } from './told-error.ts'
import { UsageError } from './usage-error.ts'
import { version } from './version.ts'

/** In the order of their help: what people begin with, what a swarm needs, what is for measuring. */
const commands = [
  addStartCommand,
  addUpCommand,
  addGenerateCommand,
  addChatCommand,
  addServeCommand,
  addStatusCommand,
  addInviteCommand,
  addGrantsCommand,
  addLockCommand,
  addPlanCommand,
  addModelCommand,
  addDoctorCommand,
  addCompletionCommand,
  addBootstrapCommand,
  addRankCommand,
  addAuditCommand,
  addSwarmCommand,
  addBenchCommand,
  addSimCommand,
]

export interface ProgramOutput {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

/** Builds the command line for commander, which throws in place of ending the process. */
export function createProgram({ out, err }: ProgramOutput): Command {
  const program = new Command('shoal')
    .description(
      'Runs a language model that none of your devices could hold, on the devices you already have.',
    )
    .version(version, '--version')
    .helpOption('-h, --help', 'show this')
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nFirst steps:\n  $ shoal start                         # three processes, one model, one answer\n  $ shoal up --model demo --lan         # create a swarm\n  $ shoal generate "Hi" --model demo --local',
    )
  for (const add of commands) add(program)
  forEachCommand(program, (command) =>
    command
      .exitOverride()
      .configureOutput({ writeOut: out, writeErr: err })
      .configureHelp({ sortOptions: false }),
  )
  return program
}

function forEachCommand(command: Command, action: (command: Command) => void): void {
  action(command)
  for (const child of command.commands) forEachCommand(child, action)
}

/**
 * Runs one command line.
 * @param words without `node` and the script
 * @returns the exit status: 0 done, 1 failed, 2 called wrongly
 */
export async function runProgram(words: readonly string[], output: ProgramOutput): Promise<0 | 1 | 2> {
  const program = createProgram(output)
  try {
    await program.parseAsync(wordsOf(words, program), { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    const json = words.includes('--json')
    if (error instanceof CommanderError) {
      // Commander has printed the message on stderr already; scripts read it from stdout.
      if (json) output.out(errorLine('bad-usage', sentenceOf(error)))
      return 2
    }
    if (error instanceof ToldError) return 1
    const usage = error instanceof UsageError
    report(error, json, output, usage)
    return usage ? 2 : 1
  }
}

/** `help` of a command that does not exist is that command: then commander says what it takes the word for. */
function wordsOf(words: readonly string[], program: Command): readonly string[] {
  const [first, name] = words
  const known = name === undefined || program.commands.some((command) => command.name() === name)
  return first !== 'help' || known ? words : [name]
}

/** Prints a sentence for an error with a code, and the stack trace for a bug. */
function report(error: unknown, json: boolean, { out, err }: ProgramOutput, usage: boolean): void {
  const coded =
    error instanceof Error && 'code' in error && typeof error.code === 'string' && isErrorCode(error.code)
      ? error.code
      : null
  const refusal = systemRefusal(error)
  const code = usage ? 'bad-usage' : (coded ?? refusal?.code ?? null)
  const message = refusal?.sentence ?? messageOf(error)
  const sentence = code !== null || !(error instanceof Error) ? message : (error.stack ?? error.message)
  err(`shoal: ${printableLines(sentence)}\n`)
  if (json) out(errorLine(code ?? 'internal', message))
}

const errorLine = (code: string, message: string): string =>
  `${JSON.stringify({ error: { code, message } })}\n`

/** Commander's message as a sentence; without a command it has only internal words such as `(outputHelp)`. */
function sentenceOf({ code, message }: CommanderError): string {
  return code === 'commander.help' ? 'which command? See --help' : message.replace(/^error: /, '')
}
