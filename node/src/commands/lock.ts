import type { Command } from 'commander'
import { inContext } from '../cli/context.ts'
import { addCommonOptions, addExamples, type CommonFlags } from '../cli/options.ts'
import { askNode } from '../control/ask-node.ts'

export function addLockCommand(program: Command): void {
  const command = program
    .command('lock')
    .description(
      'give the private swarm of the node that runs here a new secret, after a leak or when a member was put out',
    )
  addCommonOptions(command).action(lock)
  addExamples(command, ['shoal lock'])
}

interface Locked {
  readonly id: string
  /** When each accepted secret ends; null for the present one. */
  readonly secrets: readonly (string | null)[]
}

async function lock(flags: CommonFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, async ({ output, dataFolder, signal }) => {
    const result = (await askNode(dataFolder, { act: 'lock' }, signal)) as unknown as Locked
    output.line('The swarm has a new secret. The members that are connected have it now.')
    const [former] = result.secrets.filter((until) => until !== null)
    if (former !== undefined)
      output.line(
        `Members that are away are admitted with the former secret and their grants until ${former}.`,
      )
    output.result(result)
  })
}
