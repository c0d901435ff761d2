import type { Command } from 'commander'

/** Every command with its usage, arguments and options, as the program itself describes them: markdown. */
export function commandsReference(program: Command): string {
  const all = leaves(program, [])
  return [
    '# Commands',
    'Made from the program: `shoal COMMAND --help` prints the same. Every command takes `--json` and ends with status 0 (done), 1 (failed) or 2 (called wrongly).',
    ...all.map(({ words, command }) => section(words, command)),
  ].join('\n\n')
}

interface Leaf {
  readonly words: readonly string[]
  readonly command: Command
}

const leaves = (command: Command, words: readonly string[]): Leaf[] =>
  command.commands.flatMap((child) => {
    const path = [...words, child.name()]
    return [{ words: path, command: child }, ...leaves(child, path)]
  })

function section(words: readonly string[], command: Command): string {
  const help = command.createHelp()
  const rows = [
    ...help
      .visibleArguments(command)
      .map((each) => [help.argumentTerm(each), help.argumentDescription(each)] as const),
    ...help
      .visibleOptions(command)
      .map((each) => [help.optionTerm(each), help.optionDescription(each)] as const),
  ]
  return [
    `## shoal ${words.join(' ')}`,
    `${help.commandDescription(command)}.`,
    `\`\`\`sh\n${help.commandUsage(command)}\n\`\`\``,
    [
      '| | |',
      '|---|---|',
      ...rows.map(([term, text]) => `| \`${cell(term)}\` | ${escapedText(text)} |`),
    ].join('\n'),
  ].join('\n\n')
}

/** A bar in a table's cell would end the cell. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** A description is no markup. */
export const escapedText = (text: string): string => cell(text.replaceAll(/[\\`*_<>[\]]/g, '\\$&'))
