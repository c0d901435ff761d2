import { InvalidArgumentError, type Command } from 'commander'
import { inContext } from '../cli/context.ts'
import { addCommonOptions, addExamples, type CommonFlags } from '../cli/options.ts'
import { askNode } from '../control/ask-node.ts'
import type { GrantReport } from '../swarm-port.ts'

export function addGrantsCommand(program: Command): void {
  const command = program
    .command('grants')
    .description('show who may do what in the private swarm of the node that runs here, and until when')
  addCommonOptions(command).action(list)
  addExamples(command, [
    'shoal grants',
    'shoal grants revoke 12D3KooW…   # put a peer out at once, everywhere',
  ])
  addCommonOptions(
    command
      .command('name')
      .description('give the swarm a name, which every member shows')
      .argument('<NAME>', 'at most 64 characters'),
  ).action((name: string, _flags: CommonFlags, child: Command) => rename(name, child.optsWithGlobals()))
  addCommonOptions(
    command
      .command('revoke')
      .description(
        'put a peer out, and every peer for which it has signed: their connections end within seconds at every member',
      )
      .argument('<PEER>', 'peer id, as shoal grants and shoal status print it', parsePeer),
  ).action((peer: string, _flags: CommonFlags, child: Command) => revoke(peer, child.optsWithGlobals()))
}

function parsePeer(value: string): string {
  if (!/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/.test(value))
    throw new InvalidArgumentError('It should be a whole peer id, as shoal grants prints it.')
  return value
}

async function list(flags: CommonFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, async ({ output, dataFolder, signal }) => {
    const answer = await askNode(dataFolder, { act: 'grants' }, signal)
    const { grants } = answer as { readonly grants: readonly GrantReport[] }
    for (const { peer, role, until, self, connected } of grants)
      output.line(
        `${peer}  ${role.padEnd(6)}  until ${until}${self ? '  this node' : connected ? '  connected' : ''}`,
      )
    output.result({ grants })
  })
}

async function rename(name: string, flags: CommonFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, async ({ output, dataFolder, signal }) => {
    const result = await askNode(dataFolder, { act: 'name', name }, signal)
    output.line(`The swarm is called ${name}.`)
    output.result(result)
  })
}

async function revoke(peer: string, flags: CommonFlags): Promise<void> {
  await inContext(flags, { logLevel: 'warn', logFile: false }, async ({ output, dataFolder, signal }) => {
    const result = await askNode(dataFolder, { act: 'revoke', peer }, signal)
    output.line(`${peer} is put out: every member that is reached ends its connections now.`)
    output.line(
      'It still knows the secret of the swarm, which admits nobody without a valid grant; shoal lock replaces it.',
    )
    output.result(result)
  })
}
