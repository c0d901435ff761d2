import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { dataDirectory } from '@shoal/host/node'
import { isInviteCode, readPin } from '@shoal/trust'
import { publishedAddresses, publishedSwarm } from './local-node.ts'
import { UsageError } from './usage-error.ts'

export interface PrivacyFlags {
  readonly private?: boolean
  readonly open?: boolean
}

/** Who may join a new swarm. */
export function addPrivacyOptions(command: Command): Command {
  return command
    .option(
      '--private',
      'create a swarm that only invited peers can join (default with --listen beyond this machine)',
    )
    .option('--open', 'create a swarm that whoever reaches this node may join')
}

interface NewSwarmFlags extends PrivacyFlags {
  readonly join?: readonly string[]
  readonly bootstrap?: readonly string[]
  readonly listen?: readonly string[]
  readonly lan?: boolean
}

/**
 * Whether a new swarm is private: by default when strangers could reach this node, that is with `--listen` beyond loopback.
 * The machine and the local network (`--lan`) stay open, and so do swarms that are to be found in the directory.
 * @throws {UsageError} for options that exclude each other
 */
export function foundsPrivateSwarm(flags: NewSwarmFlags): boolean {
  const { join: joined = [], bootstrap = [], listen = [], lan = false } = flags
  if (flags.private === true && flags.open === true)
    throw new UsageError('--private and --open exclude each other')
  if ((flags.private === true || flags.open === true) && joined.length > 0)
    throw new UsageError(
      '--private and --open are chosen when a swarm is created; leave them out with --join',
    )
  if (flags.private === true && bootstrap.length > 0)
    throw new UsageError('a private swarm is in no public directory: leave out --bootstrap, and invite peers')
  if (flags.private === true) return true
  return flags.open !== true && joined.length + bootstrap.length === 0 && !lan && listen.some(isFar)
}

const isFar = (address: string): boolean => !/^\/(ip4\/127\.|ip6\/::1\/)/.test(address)

/** Whether a word lets this machine into a private swarm: the code or link of an invite, or a PIN. */
export const isInvite = (word: string): boolean => isInviteCode(word) || readPin(word) !== null

/** The flags of a command with the invite that was given as a word. @throws {UsageError} for a word that is none */
export function withInvite<Flags extends { readonly join?: string[] }>(
  code: string | undefined,
  flags: Flags,
): Flags {
  if (code === undefined) return flags
  if (!isInvite(code))
    throw new UsageError(
      `'${code}' is no invite: a code begins with shoal1 and a PIN has six digits; shoal invite prints them`,
    )
  return { ...flags, join: [...(flags.join ?? []), code] }
}

/** Whether a data directory belongs to a member of a private swarm, which needs no invite again. */
export const isMemberFolder = (dataFolder: string): boolean => existsSync(join(dataFolder, 'swarm.json'))

/**
 * The flags of a command that asks a swarm: with its invite, or with the addresses that its data directory knows when
 * neither a swarm nor a model is named.
 */
export function withMembership<
  Flags extends {
    readonly join?: string[]
    readonly model?: string
    readonly local?: boolean
    readonly data?: string
  },
>(code: string | undefined, flags: Flags): Flags {
  const invited = withInvite(code, flags)
  if (invited.join !== undefined || flags.model !== undefined || flags.local === true) return invited
  const known = knownAddresses(dataDirectory(flags.data))
  return known.length === 0 ? invited : { ...invited, join: known }
}

/**
 * Addresses of the node that runs on a data directory, else of the swarm that another process of it asks (`shoal start`,
 * `shoal serve`), else of the members that the directory remembers.
 */
export function knownAddresses(dataFolder: string): string[] {
  const sources = [publishedAddresses, publishedSwarm, rememberedAddresses]
  for (const source of sources) {
    const addresses = source(dataFolder)
    if (addresses.length > 0) return addresses
  }
  return []
}

/** Addresses of members that the data directory of a member of a private swarm remembers. */
function rememberedAddresses(dataFolder: string): string[] {
  try {
    const pass: unknown = JSON.parse(readFileSync(join(dataFolder, 'swarm.json'), 'utf8'))
    const addresses: unknown =
      typeof pass === 'object' && pass !== null && 'addresses' in pass ? pass.addresses : []
    return Array.isArray(addresses) ? addresses.filter((each) => typeof each === 'string') : []
  } catch {
    return [] // The folder belongs to no member.
  }
}
