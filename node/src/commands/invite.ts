import { InvalidArgumentError, Option, type Command } from 'commander'
import { limits as trustLimits, roles, type Role } from '@shoal/trust'
import { renderUnicodeCompact } from 'uqr'
import { inContext, type CommandContext } from '../cli/context.ts'
import { addCommonOptions, addExamples, type CommonFlags } from '../cli/options.ts'
import { parseDuration, parseWhole } from '../cli/parse.ts'
import { UsageError } from '../cli/usage-error.ts'
import { askNode } from '../control/ask-node.ts'
import type { InviteReport, NewInvite, ShownPin } from '../swarm-port.ts'

interface InviteFlags extends CommonFlags {
  readonly role: Role
  readonly uses: number
  readonly expires?: number
  readonly pin?: boolean
}

const defaultSeconds = 7 * 86_400

export function addInviteCommand(program: Command): void {
  const command = program
    .command('invite')
    .description(
      'let another machine into the private swarm of the node that runs here: a code, a link and a QR code',
    )
    .addOption(
      new Option(
        '--role <ROLE>',
        'node = serves blocks and may invite clients; client = only asks the swarm; admin = also invites nodes and puts members out (only the node with root.key in its data directory can invite one)',
      )
        .choices([...roles])
        .default('node'),
    )
    .option('--uses <N>', 'how many machines the invite admits', parseWhole(1, 1000), 1)
    .option(
      '--expires <TIME>',
      'how long the invite is valid, such as 30m, 12h or 7d (default: 7d, a PIN 5m)',
      parseDuration,
    )
    .option(
      '--pin',
      'show six digits with which one machine of the local network joins (shoal up PIN); three wrong ones end them',
    )
  addCommonOptions(command).action(invite)
  addExamples(command, [
    'shoal invite                       # for one machine that serves; it runs shoal up CODE',
    'shoal invite --role client --uses 5 --expires 1d',
    'shoal invite --pin                 # for a machine beside this one; it runs shoal up 482913',
    'shoal invite list                  # who used which invite, and when',
    'shoal invite revoke 1f9c03aa',
  ])
  addCommonOptions(command.command('list').description('all invites of this node, and who used them')).action(
    (_flags: CommonFlags, child: Command) => list(child.optsWithGlobals()),
  )
  addCommonOptions(
    command
      .command('revoke')
      .description('end an invite; whoever has used it stays a member (shoal grants revoke)')
      .argument('<ID>', 'as shoal invite list prints it', parseInviteId),
  ).action((id: string, _flags: CommonFlags, child: Command) => revoke(id, child.optsWithGlobals()))
}

function parseInviteId(value: string): string {
  if (!/^[0-9a-f]{8}$/.test(value))
    throw new InvalidArgumentError('It should be the eight digits that shoal invite list prints.')
  return value
}

const withNode = (
  flags: CommonFlags,
  action: (context: CommandContext, ask: (request: object) => Promise<unknown>) => Promise<void>,
): Promise<void> =>
  inContext(flags, { logLevel: 'warn', logFile: false }, (context) =>
    action(context, (request) => askNode(context.dataFolder, { ...request }, context.signal)),
  )

async function invite(flags: InviteFlags): Promise<void> {
  if (flags.pin === true) return await showPin(flags)
  const { role, uses, expires: seconds = defaultSeconds } = flags
  await withNode(flags, async ({ output }, ask) => {
    const made = (await ask({ act: 'invite', role, uses, seconds })) as NewInvite
    const machines = uses === 1 ? 'one machine' : `${uses} machines`
    output.line(`${renderUnicodeCompact(made.link)}\n`)
    output.line(`An invite for ${machines} as ${role}, valid until ${made.expires}. On that machine, run:\n`)
    output.line(`  npx shoal ${role === 'client' ? 'chat' : 'up'} ${made.code}\n`)
    output.line(`Link: ${made.link}`)
    output.line(
      `Whoever has the code may use it: send it as you would a password. End it with shoal invite revoke ${made.id}`,
    )
    output.result(made)
  })
}

async function showPin({
  role,
  uses,
  expires = trustLimits.pinSeconds,
  ...flags
}: InviteFlags): Promise<void> {
  if (uses !== 1) throw new UsageError('a PIN admits one machine: leave out --uses')
  await withNode(flags, async ({ output }, ask) => {
    const made = (await ask({ act: 'show-pin', role, seconds: expires })) as ShownPin
    const pin = `${made.code.slice(0, 3)} ${made.code.slice(3)}`
    output.line(`\n  ${pin}\n`)
    output.line(
      `A PIN for one machine of this network as ${role}, valid until ${made.expires}. On that machine, run:\n`,
    )
    output.line(`  npx shoal ${role === 'client' ? 'chat' : 'up'} ${made.code}\n`)
    output.line(`Where machines do not hear each other by mDNS, add one of these:`)
    for (const address of reachable(made.door)) output.line(`  --join ${address}`)
    output.line(`Three wrong PINs end this invite; shoal invite list shows who used it.`)
    output.result(made)
  })
}

/** Addresses for another machine; those of loopback where there are no others. */
function reachable(addresses: readonly string[]): readonly string[] {
  const far = addresses.filter((address) => !/^\/(ip4\/127\.|ip6\/::1\/)/.test(address))
  return far.length > 0 ? far : addresses
}

async function list(flags: CommonFlags): Promise<void> {
  await withNode(flags, async ({ output }, ask) => {
    const result = (await ask({ act: 'invites' })) as { readonly invites: readonly InviteReport[] }
    if (result.invites.length === 0) output.line('No invites yet: make one with shoal invite')
    for (const each of result.invites) {
      output.line(
        `${each.id}  ${each.role}  ${each.pin ? 'PIN  ' : ''}${each.state}  ${each.used.length} of ${each.uses} used  until ${each.expires}`,
      )
      for (const { peer, at } of each.used) output.line(`          used by ${peer} at ${at}`)
      for (const { peer, at } of each.refused)
        output.line(`          REFUSED: ${peer} ${each.pin ? 'gave a wrong PIN' : 'came too late'}, at ${at}`)
    }
    output.result(result)
  })
}

async function revoke(id: string, flags: CommonFlags): Promise<void> {
  await withNode(flags, async ({ output }, ask) => {
    const report = (await ask({ act: 'revoke-invite', id })) as InviteReport
    output.line(`Invite ${id} is revoked.`)
    for (const { peer } of report.used)
      output.line(`${peer} has used it and stays a member; put it out with shoal grants revoke ${peer}`)
    output.result(report)
  })
}
