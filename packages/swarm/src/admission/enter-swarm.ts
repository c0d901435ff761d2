import { join } from 'node:path'
import { ShoalError, type SystemDependencies } from '@shoal/host'
import { loadOrCreateKey } from '@shoal/host/node'
import { createPeerKey, signerOf } from '@shoal/network'
import {
  decodeInvite,
  includesRole,
  isInviteCode,
  limits,
  sameBytes,
  signGrant,
  type InviteCode,
} from '@shoal/trust'
import { CharterKeeper } from './charter-keeper.ts'
import { foundSwarm } from './found-swarm.ts'
import { IssuedInvites } from './issued-invites.ts'
import { SwarmAdmission } from './swarm-admission.ts'
import { createSwarmFiles, type SwarmFiles } from './swarm-files.ts'
import type { OwnKey, SwarmPass } from './swarm-pass.ts'

export interface EntryOptions {
  readonly role: 'node' | 'client'
  readonly dataFolder: string
  /** Addresses of members, and invites. */
  readonly join: readonly string[]
  /** Found a private swarm where the folder belongs to none. */
  readonly founds: boolean
}

/** How a peer comes into its swarm. */
export interface Entry {
  readonly privateKey: Uint8Array
  /** Addresses that were given, in the invite too. */
  readonly join: readonly string[]
  /** Addresses of members that were met before. */
  readonly remembered: readonly string[]
  /** Null in an open swarm. */
  readonly admission: SwarmAdmission | null
  readonly charter: CharterKeeper | null
  /** Null where this peer can issue none. */
  readonly invites: IssuedInvites | null
}

/**
 * Prepares the way into a swarm: by the pass in the data folder, by an invite, or by founding a private swarm. Without any
 * of these the swarm is open.
 */
export async function enterSwarm(dependencies: SystemDependencies, options: EntryOptions): Promise<Entry> {
  const { role, dataFolder, founds } = options
  const { clock, logger } = dependencies
  const nowSeconds = Math.floor(clock.wallMs() / 1000)
  const files = createSwarmFiles(dataFolder)
  const invite = inviteIn(options.join)
  const kept = passFor(files.pass(), invite)
  const addresses = options.join.filter((each) => !isInviteCode(each))
  const isPrivate = kept !== null || invite !== null || founds
  const keeps = role === 'node' || isPrivate
  const privateKey = keeps
    ? await loadOrCreateKey(join(dataFolder, 'peer.key'), createPeerKey, logger)
    : await createPeerKey()
  if (!isPrivate)
    return { privateKey, join: addresses, remembered: [], admission: null, charter: null, invites: null }
  if (invite !== null) checkRole(invite, role)
  const own = signerOf(privateKey)
  const pass = kept ?? (invite === null ? await found(dependencies, files, options, own, nowSeconds) : null)
  const charter = charterOf(dependencies, files, pass, invite)
  if (role === 'client' && pass !== null)
    return await asClient(dependencies, { member: own, pass, addresses, charter, nowSeconds })
  const admission = new SwarmAdmission({
    ...dependencies,
    own,
    wants: role,
    pass,
    invite,
    charter,
    savePass: (given) => files.savePass(given),
  })
  const invites = new IssuedInvites({
    files,
    random: dependencies.random,
    nowSeconds: () => admission.nowSeconds(),
    onChange: () => admission.doorsChanged(),
  })
  if (role === 'node') admission.honour(invites)
  const given = [...addresses, ...(invite?.addresses ?? [])]
  return { privateKey, join: given, remembered: pass?.addresses ?? [], admission, charter, invites }
}

/** Before the invite is spent on what it is not for. @throws {ShoalError} `bad-request` */
function checkRole(invite: InviteCode, role: 'node' | 'client'): void {
  if (!includesRole(invite.role, role))
    throw new ShoalError(
      'bad-request',
      `the invite is for a ${invite.role}, which asks the swarm (shoal chat) and serves nothing: ask for one with --role ${role}`,
    )
}

/** The invite among the words of `--join`. @throws {ShoalError} `bad-request` for more than one, or an unreadable one */
function inviteIn(join: readonly string[]): InviteCode | null {
  const codes = join.filter(isInviteCode)
  if (codes.length > 1) throw new ShoalError('bad-request', 'one invite is enough: leave out the others')
  return codes[0] === undefined ? null : decodeInvite(codes[0])
}

/** The pass of the folder, unless an invite leads to another swarm. @throws {ShoalError} `bad-request` then */
function passFor(pass: SwarmPass | null, invite: InviteCode | null): SwarmPass | null {
  if (pass !== null && invite !== null && !sameBytes(pass.swarm, invite.swarm))
    throw new ShoalError(
      'bad-request',
      'this data directory belongs to a member of another private swarm: give another --data DIR',
    )
  return pass
}

async function found(
  { random, logger }: SystemDependencies,
  files: SwarmFiles,
  { dataFolder }: EntryOptions,
  own: OwnKey,
  nowSeconds: number,
): Promise<SwarmPass> {
  const pass = await foundSwarm({ random, logger, nowSeconds }, dataFolder, own)
  files.savePass(pass)
  return pass
}

function charterOf(
  { clock, logger }: SystemDependencies,
  files: SwarmFiles,
  pass: SwarmPass | null,
  invite: InviteCode | null,
): CharterKeeper {
  const swarm = pass?.swarm ?? invite?.swarm
  if (swarm === undefined) throw new Error('a private swarm has a name')
  return new CharterKeeper({ files, logger, swarm, nowSeconds: () => Math.floor(clock.wallMs() / 1000) })
}

interface MemberCommand {
  readonly member: OwnKey
  readonly pass: SwarmPass
  readonly addresses: readonly string[]
  readonly charter: CharterKeeper
  readonly nowSeconds: number
}

/**
 * A command in the folder of a member has a key of this run, for which the member signs: a node may run in the same folder
 * under the member's own key.
 */
async function asClient(
  dependencies: SystemDependencies,
  { member, pass, addresses, charter, nowSeconds }: MemberCommand,
): Promise<Entry> {
  const privateKey = await createPeerKey()
  const own = signerOf(privateKey)
  const grant = await signGrant(
    {
      swarm: pass.swarm,
      subject: own.key,
      role: 'client',
      serial: dependencies.random.bytes(limits.serialBytes),
      from: nowSeconds,
      until: nowSeconds + limits.grantSeconds,
      issuer: member.key,
    },
    member.sign,
  )
  const admission = new SwarmAdmission({
    ...dependencies,
    own,
    wants: 'client',
    pass: { ...pass, chain: [grant, ...pass.chain] },
    invite: null,
    charter,
    savePass: () => undefined,
  })
  return { privateKey, join: addresses, remembered: pass.addresses, admission, charter, invites: null }
}
