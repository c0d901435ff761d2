import type { CommandWords, OptionWords } from './command-words.ts'

export const shells = ['bash', 'zsh', 'fish'] as const

export type Shell = (typeof shells)[number]

/** The script with which a shell completes command lines of `shoal`. */
export function completionScript(shell: Shell, commands: readonly CommandWords[]): string {
  return { bash, zsh, fish }[shell](commands)
}

/** A word in single quotes, which all three shells take literally. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** The first sentence of a description: a list of candidates has one short line for each. */
const brief = (text: string): string => text.split(/[;:(]/)[0]!.trim()

const longs = ({ options }: CommandWords): string[] => options.map(({ long }) => long)

/** Options of all commands that `fits` accepts, each as a pattern of bash with its command: one name may differ by command. */
const optionsOf = (
  commands: readonly CommandWords[],
  fits: (option: OptionWords) => boolean,
): { readonly pattern: string; readonly option: OptionWords }[] =>
  commands.flatMap(({ name, options }) =>
    options.filter(fits).map((option) => ({ pattern: quoted(`${name} ${option.long}`), option })),
  )

/** Whatever the script does not know, such as a file, is left to bash (`-o default`). */
function bash(commands: readonly CommandWords[]): string {
  const values = optionsOf(commands, ({ choices }) => choices.length > 0).map(
    ({ pattern, option }) => `    ${pattern}) words=${quoted(option.choices.join(' '))} ;;`,
  )
  const free = optionsOf(commands, ({ takesValue, choices }) => takesValue && choices.length === 0).map(
    ({ pattern }) => pattern,
  )
  const after = commands.map(
    (command) => `      ${command.name}) words=${quoted([...command.words, ...longs(command)].join(' '))} ;;`,
  )
  return `# shoal completion bash
_shoal() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words=''
  COMPREPLY=()
  case "\${COMP_WORDS[1]} $previous" in
${values.join('\n')}
    ${free.join('|')}) return ;;
    *) if [ "$COMP_CWORD" -eq 1 ]; then
      words=${quoted(commands.map(({ name }) => name).join(' '))}
    else case \${COMP_WORDS[1]} in
${after.join('\n')}
    esac; fi ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _shoal shoal
`
}

/** Brackets and colons part the fields of a specification. */
const inSpecification = (text: string): string => text.replaceAll(/[\\[\]:]/g, '\\$&')

function zshOption({ long, description, takesValue, choices }: OptionWords): string {
  const value = choices.length > 0 ? `:value:(${choices.join(' ')})` : ':value:_files'
  return quoted(`${long}[${inSpecification(brief(description))}]${takesValue ? value : ''}`)
}

function zsh(commands: readonly CommandWords[]): string {
  const cases = commands.map(({ name, words, options }) => {
    const argument = words.length > 0 ? `'1:what:(${words.join(' ')})'` : `'*:argument:_files'`
    return `    ${name}) _arguments ${[argument, ...options.map(zshOption)].join(' \\\n      ')} ;;`
  })
  const names = commands.map(({ name, description }) =>
    quoted(`${name}:${inSpecification(brief(description))}`),
  )
  return `#compdef shoal
compdef _shoal shoal
_shoal() {
  if (( CURRENT == 2 )); then
    local -a commands=(
      ${names.join('\n      ')}
    )
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT -= 1 ))
  case $command in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = _shoal ]; then _shoal "$@"; fi
`
}

function fish(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap(({ name, description, words, options }) => [
    `complete -c shoal -n __fish_use_subcommand -f -a ${name} -d ${quoted(brief(description))}`,
    ...(words.length === 0
      ? []
      : [`complete -c shoal -n '__fish_seen_subcommand_from ${name}' -f -a ${quoted(words.join(' '))}`]),
    ...options.map(({ long, description: about, takesValue, choices }) =>
      [
        `complete -c shoal -n '__fish_seen_subcommand_from ${name}' -l ${long.slice(2)}`,
        ...(takesValue ? ['-r'] : []),
        ...(choices.length > 0 ? [`-f -a ${quoted(choices.join(' '))}`] : []),
        `-d ${quoted(brief(about))}`,
      ].join(' '),
    ),
  ])
  return `# shoal completion fish\n${lines.join('\n')}\n`
}
