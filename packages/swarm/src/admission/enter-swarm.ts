import { join } from 'node:path'
import { ShoalError, type SystemDependencies } from '@shoal/host'
import { loadOrCreateKey } from '@shoal/host/node'
import { createPeerKey, signerOf } from '@shoal/network'
import {
  decodeInvite,
  includesRole,
  isInviteCode,
  limits,
  readPin,
  sameBytes,
  signGrant,
  type InviteCode,
} from '@shoal/trust'
import { rootKeyIn } from './files/root-key.ts'
import { CharterKeeper } from './charter/charter-keeper.ts'
import { foundSwarm } from './files/found-swarm.ts'
import type { FoundDoors } from './pairing/found-doors.ts'
import { pairByPin, type PinWish } from './pairing/knock.ts'
import { openNewcomer } from './pairing/open-door.ts'
import { IssuedInvites } from './issued-invites.ts'
import { SwarmAdmission } from './swarm-admission.ts'
import { createSwarmFiles, type SwarmFiles } from './files/swarm-files.ts'
import type { OwnKey, SwarmPass } from './files/swarm-pass.ts'

export interface EntryOptions {
  readonly role: 'node' | 'client'
  readonly dataFolder: string
  /** Addresses of members, and an invite or a PIN; with a PIN, the address of the door. */
  readonly join: readonly string[]
  /** Found a private swarm where the folder belongs to none. */
  readonly founds: boolean
  readonly signal?: AbortSignal | undefined
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
 * Prepares the way into a swarm: by the pass in the data folder, an invite, a PIN, or the founding of a private swarm.
 * Without any of these the swarm is open.
 */
export async function enterSwarm(dependencies: SystemDependencies, options: EntryOptions): Promise<Entry> {
  const { role, dataFolder, founds } = options
  const { clock, logger } = dependencies
  const nowSeconds = Math.floor(clock.wallMs() / 1000)
  const files = createSwarmFiles(dataFolder)
  const { invite, pin, addresses } = readJoin(options.join)
  const kept = passFor(files.pass(), invite)
  if (kept !== null && pin !== null)
    throw new ShoalError(
      'bad-request',
      'this data directory belongs to a member of a private swarm already: leave the PIN out, or give another --data DIR',
    )
  const isPrivate = kept !== null || invite !== null || pin !== null || founds
  const keeps = role === 'node' || isPrivate
  const privateKey = keeps
    ? await loadOrCreateKey(join(dataFolder, 'peer.key'), createPeerKey, logger)
    : await createPeerKey()
  if (!isPrivate)
    return { privateKey, join: addresses, remembered: [], admission: null, charter: null, invites: null }
  if (invite !== null) checkRole(invite, role)
  const own = signerOf(privateKey)
  const pass = kept ?? (await newPass(dependencies, options, files, { privateKey, own, nowSeconds }))
  // The address that is given with a PIN is that of the pairing door, which is closed by now.
  const given = pin === null ? [...addresses, ...(invite?.addresses ?? [])] : []
  const charter = charterOf(dependencies, files, pass, invite)
  if (role === 'client' && pass !== null)
    return await asClient(dependencies, { member: own, pass, addresses: given, charter, nowSeconds })
  const admission = new SwarmAdmission({
    ...dependencies,
    own,
    root: await rootKeyIn(dataFolder, logger),
    wants: role,
    pass,
    invite,
    charter,
    savePass: (given) => files.savePass(given),
  })
  const invites = new IssuedInvites({
    files,
    logger,
    random: dependencies.random,
    nowSeconds: () => admission.nowSeconds(),
    onChange: () => admission.doorsChanged(),
  })
  if (role === 'node') admission.honour(invites)
  return { privateKey, join: given, remembered: pass?.addresses ?? [], admission, charter, invites }
}

/** Checks the role of an invite before it is spent. @throws {ShoalError} `bad-request` */
function checkRole(invite: InviteCode, role: 'node' | 'client'): void {
  if (!includesRole(invite.role, role))
    throw new ShoalError(
      'bad-request',
      `the invite is for a ${invite.role}, which asks the swarm (shoal chat) and serves nothing: ask for one with --role ${role}`,
    )
}

interface Joining {
  readonly invite: InviteCode | null
  readonly pin: string | null
  readonly addresses: readonly string[]
}

/** The invite or PIN among the words of `--join`. @throws {ShoalError} `bad-request` for more than one, or an unreadable one */
function readJoin(join: readonly string[]): Joining {
  const codes = join.filter(isInviteCode)
  const pins = join.map(readPin).filter((pin) => pin !== null)
  if (codes.length + pins.length > 1)
    throw new ShoalError('bad-request', 'one invite is enough: leave out the others')
  return {
    invite: codes[0] === undefined ? null : decodeInvite(codes[0]),
    pin: pins[0] ?? null,
    addresses: join.filter((each) => !isInviteCode(each) && readPin(each) === null),
  }
}

interface OwnIdentity {
  readonly privateKey: Uint8Array
  readonly own: OwnKey
  readonly nowSeconds: number
}

/**
 * Gets a pass for a folder that had none: by a PIN, or by founding a swarm. Null when an invite will lead to a pass.
 */
async function newPass(
  dependencies: SystemDependencies,
  { role, dataFolder, join, signal }: EntryOptions,
  files: SwarmFiles,
  { privateKey, own, nowSeconds }: OwnIdentity,
): Promise<SwarmPass | null> {
  const { invite, pin, addresses } = readJoin(join)
  if (invite !== null) return null
  const pass =
    pin === null
      ? await foundSwarm({ ...dependencies, nowSeconds }, dataFolder, own)
      : await pair(dependencies, privateKey, addresses, {
          pin,
          wants: role,
          key: own.key,
          nowSeconds,
          signal,
        })
  files.savePass(pass)
  return pass
}

async function pair(
  dependencies: SystemDependencies,
  privateKey: Uint8Array,
  given: readonly string[],
  wish: PinWish,
): Promise<SwarmPass> {
  const transport = await openNewcomer(dependencies, privateKey)
  try {
    const onFound: FoundDoors['onFound'] = (listener) => transport.onDiscovery(listener)
    return await pairByPin({ ...dependencies, transport, found: { given, onFound } }, wish)
  } finally {
    await transport.close()
  }
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
 * Gives a command that runs in a member's folder a key of its own for this run, which the member's key signs: a node
 * may be running in the same folder under the member's key.
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
    root: null,
    wants: 'client',
    pass: { ...pass, chain: [grant, ...pass.chain] },
    invite: null,
    charter,
    savePass: () => undefined,
  })
  return { privateKey, join: addresses, remembered: pass.addresses, admission, charter, invites: null }
}
