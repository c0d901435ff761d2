import type { Command } from 'commander'

export interface OptionWords {
  /** `--model`. */
  readonly long: string
  readonly description: string
  /** Whether a value follows. */
  readonly takesValue: boolean
  /** The only values that it takes; empty where others are allowed. */
  readonly choices: readonly string[]
}

/** What can be written after a command's name. */
export interface CommandWords {
  readonly name: string
  readonly description: string
  readonly options: readonly OptionWords[]
  /** Names of the commands below it, such as `inspect` of `model`, and the only values of its first argument. */
  readonly words: readonly string[]
}

/** The commands of a program, and what may follow each of them. Hidden options are left out. */
export function commandWords(program: Command): CommandWords[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: [...optionsOf(command), ...command.commands.flatMap(optionsOf)].filter(isFirst),
    words: [
      ...command.commands.map((below) => below.name()),
      ...(command.registeredArguments[0]?.argChoices ?? []),
    ],
  }))
}

function optionsOf(command: Command): OptionWords[] {
  return command.options
    .filter(({ hidden, long }) => !hidden && long !== undefined)
    .map(({ long, description, required, optional, argChoices }) => ({
      long: long ?? '',
      description,
      takesValue: required || optional,
      choices: argChoices ?? [],
    }))
}

/** Commands below one command share options: each is named once. */
const isFirst = ({ long }: OptionWords, index: number, all: readonly OptionWords[]): boolean =>
  all.findIndex((option) => option.long === long) === index
