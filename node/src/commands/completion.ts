import { Argument, type Command } from 'commander'
import { inContext } from '../cli/context.ts'
import { addCommonOptions, addExamples, type CommonFlags } from '../cli/options.ts'
import { commandWords } from '../completion/command-words.ts'
import { completionScript, shells, type Shell } from '../completion/scripts.ts'

export function addCompletionCommand(program: Command): void {
  const command = program
    .command('completion')
    .description('print a script with which a shell completes commands and options of shoal')
    .addArgument(new Argument('<SHELL>', 'which shell').choices([...shells]))
  addCommonOptions(command).action((shell: Shell, flags: CommonFlags) => completion(program, shell, flags))
  addExamples(command, [
    'shoal completion bash >> ~/.bashrc',
    'shoal completion zsh > "${fpath[1]}/_shoal"',
    'shoal completion fish > ~/.config/fish/completions/shoal.fish',
  ])
}

async function completion(program: Command, shell: Shell, flags: CommonFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, async ({ output }) => {
    const script = completionScript(shell, commandWords(program))
    output.write(script)
    output.result({ shell, script })
  })
}
