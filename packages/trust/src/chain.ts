import { sameBytes, swarmIdOf, toHex } from './bytes.ts'
import { isSigned, readGrant, type Grant, type Verify } from './grant.ts'
import { limits } from './limits.ts'
import { Refusal } from './refusal.ts'
import { maySign, type Role } from './roles.ts'

/** What a chain of grants proves about a peer. */
export interface Standing {
  readonly role: Role
  /**
   * Key, in hexadecimal, of the member on whose account the peer acts: its own, or that of the member that signed it as a
   * client. Quotas count per member, so that clients of one member share one quota.
   */
  readonly member: string
  /** Serials and keys whose revocation ends this standing, in hexadecimal. */
  readonly dependsOn: readonly string[]
  /** Seconds since 1970 at which the first grant of the chain ends, without the allowance for clocks. */
  readonly until: number
}

export interface ChainRules {
  readonly swarm: Uint8Array
  /** The authenticated key of the peer that shows the chain. */
  readonly subject: Uint8Array
  readonly nowSeconds: number
  /** Whether the charter revokes a serial or a key, in hexadecimal. */
  readonly isRevoked: (serialOrKey: string) => boolean
}

/**
 * Checks a chain of grants: the peer's own first, then the grant of each issuer. The last one is signed by the root key,
 * which the swarm's id names.
 * @throws {Refusal}
 */
export async function judgeChain(
  chain: readonly Uint8Array[],
  rules: ChainRules,
  verify: Verify,
): Promise<Standing> {
  if (chain.length === 0 || chain.length > limits.maxChain) throw new Refusal('no-grant')
  const grants = chain.map(readOrRefuse)
  checkLinks(grants, rules)
  for (const [index, grant] of grants.entries()) {
    checkTerm(grant, rules.nowSeconds)
    const bytes = chain[index]
    if (bytes === undefined || !(await isSigned(bytes, grant, verify))) throw new Refusal('no-grant')
  }
  const dependsOn = grants.flatMap(({ serial, subject }) => [toHex(serial), toHex(subject)])
  if (dependsOn.some((name) => rules.isRevoked(name))) throw new Refusal('revoked')
  return standingOf(grants, dependsOn)
}

function readOrRefuse(bytes: Uint8Array): Grant {
  try {
    return readGrant(bytes)
  } catch {
    // The error is not passed on: the sender need not know which byte is wrong.
    throw new Refusal('no-grant')
  }
}

/**
 * Checks that each grant belongs to the issuer of the grant before it and allows its role to sign that grant, and that
 * the root key signed the last one.
 */
function checkLinks(grants: readonly Grant[], { swarm, subject }: ChainRules): void {
  if (grants.some((grant) => !sameBytes(grant.swarm, swarm))) throw new Refusal('wrong-swarm')
  let expected = subject
  for (const [index, grant] of grants.entries()) {
    if (!sameBytes(grant.subject, expected)) throw new Refusal('no-grant')
    const next = grants[index + 1]
    const root = sameBytes(swarmIdOf(grant.issuer), swarm)
    if (root !== (next === undefined) || !maySign(next?.role ?? 'root', grant.role))
      throw new Refusal('no-grant')
    expected = grant.issuer
  }
}

function checkTerm({ from, until }: Grant, nowSeconds: number): void {
  // A clock that is a day behind must not refuse a grant that was signed just now.
  if (nowSeconds + limits.clockErrorSeconds < from) throw new Refusal('no-grant')
  if (nowSeconds - limits.clockErrorSeconds > until) throw new Refusal('expired')
}

function standingOf(grants: readonly Grant[], dependsOn: readonly string[]): Standing {
  const [own, issuer] = grants
  if (own === undefined) throw new Refusal('no-grant')
  const account = own.role === 'client' && issuer !== undefined && issuer.role !== 'admin' ? issuer : own
  return {
    role: own.role,
    member: toHex(account.subject),
    dependsOn,
    until: Math.min(...grants.map(({ until }) => until)),
  }
}
