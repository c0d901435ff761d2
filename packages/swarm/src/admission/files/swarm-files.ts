import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ShoalError } from '@shoal/host'
import { makeFolder, writeFileAtomically } from '@shoal/host/node'
import { fromHex, isRole, toHex, type Invite, type InviteUse } from '@shoal/trust'
import { swarmLimits } from '../../limits.ts'
import type { SwarmPass } from './swarm-pass.ts'

/** Read and write for the owner, nothing for all others: these files let their reader into the swarm. */
const privateMode = 0o600

export interface SwarmFiles {
  /** Null in a folder that is a member of no private swarm. */
  pass(): SwarmPass | null
  savePass(pass: SwarmPass): void
  invites(): readonly Invite[]
  saveInvites(book: readonly Invite[]): void
  /** Acts of admins, unchecked. */
  acts(): readonly Uint8Array[]
  saveActs(acts: readonly Uint8Array[]): void
}

/** The files of a private swarm in a data folder: `swarm.json`, `invites.json` and `charter.json`. */
export function createSwarmFiles(folder: string): SwarmFiles {
  const passPath = join(folder, 'swarm.json')
  const invitesPath = join(folder, 'invites.json')
  const actsPath = join(folder, 'charter.json')
  const save = (path: string, value: unknown): void => {
    makeFolder(folder)
    writeFileAtomically(path, `${JSON.stringify(value, null, 2)}\n`, privateMode)
  }
  return {
    pass() {
      const value = readJson(passPath)
      return value === null ? null : readPass(value, passPath)
    },
    savePass({ swarm, secrets, chain, addresses }) {
      save(passPath, {
        version: 1,
        swarm: toHex(swarm),
        secrets: secrets.map(({ secret, until }) => ({ secret: toHex(secret), until })),
        chain: chain.map(toHex),
        addresses: addresses.slice(0, swarmLimits.rememberedAddresses),
      })
    },
    invites() {
      const value = readJson(invitesPath)
      return Array.isArray(value) ? value.filter(isInvite) : []
    },
    saveInvites: (book) => save(invitesPath, book),
    acts() {
      const value = readJson(actsPath)
      return listOf(value, isHex) ? value.map(fromHex) : []
    },
    saveActs: (acts) => save(actsPath, acts.map(toHex)),
  }
}

/** @returns null when there is no file. @throws {ShoalError} `bad-request` for a file that is no JSON */
function readJson(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw damaged(path, error)
  }
}

const damaged = (path: string, cause?: unknown): ShoalError =>
  new ShoalError(
    'bad-request',
    `${path} is damaged: restore it from a copy, or remove it and join with a new invite`,
    { cause },
  )

const isText = (value: unknown): value is string => typeof value === 'string'
const isHex = (value: unknown): value is string => isText(value) && /^([0-9a-f]{2})*$/.test(value)
const isNumber = (value: unknown): value is number => typeof value === 'number'
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const listOf = <Item>(value: unknown, fits: (item: unknown) => item is Item): value is Item[] =>
  Array.isArray(value) && value.every(fits)

interface StoredSecret {
  readonly secret: string
  readonly until: number | null
}
const isSecret = (value: unknown): value is StoredSecret =>
  isRecord(value) && isHex(value['secret']) && (value['until'] === null || isNumber(value['until']))

function readPass(value: unknown, path: string): SwarmPass {
  if (!isRecord(value)) throw damaged(path)
  const { swarm, secrets, chain, addresses } = value
  if (
    !isHex(swarm) ||
    !listOf(secrets, isSecret) ||
    secrets.length === 0 ||
    !listOf(chain, isHex) ||
    !listOf(addresses, isText)
  )
    throw damaged(path)
  return {
    swarm: fromHex(swarm),
    secrets: secrets.map(({ secret, until }) => ({ secret: fromHex(secret), until })),
    chain: chain.map(fromHex),
    addresses,
  }
}

const isUse = (value: unknown): value is InviteUse =>
  isRecord(value) && isText(value['peer']) && isNumber(value['at'])

function isInvite(value: unknown): value is Invite {
  if (!isRecord(value)) return false
  const { id, key, pin, role, uses, created, expires, revoked, used, refused } = value
  return (
    isText(id) &&
    isHex(key) &&
    typeof pin === 'boolean' &&
    isRole(role) &&
    [uses, created, expires].every(isNumber) &&
    (revoked === null || isNumber(revoked)) &&
    listOf(used, isUse) &&
    listOf(refused, isUse)
  )
}
