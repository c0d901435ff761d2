import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { createPeerKey, peerIdOfKey, signerOf } from '@shoal/network'
import {
  decodeInvite,
  encodeInvite,
  encodeWelcome,
  fromHex,
  inviteDoor,
  limits,
  readGrant,
  Refusal,
  signGrant,
  swarmIdOf,
  type Invite,
  type InviteCode,
  type Role,
} from '@shoal/trust'
import { expect, test } from 'vitest'
import { CharterKeeper } from './charter/charter-keeper.ts'
import { IssuedInvites } from './issued-invites.ts'
import { SwarmAdmission } from './swarm-admission.ts'
import type { OwnKey, SwarmPass } from './files/swarm-pass.ts'

const day = 24 * 3600

async function createWorld() {
  const clock = createVirtualClock()
  const random = seededRandom(1)
  const nowSeconds = (): number => Math.floor(clock.wallMs() / 1000)
  const root = signerOf(await createPeerKey())
  const swarm = swarmIdOf(root.key)
  const peer = async (
    pass: SwarmPass | null,
    invite: InviteCode | null,
    key?: Uint8Array,
    rootKey: OwnKey | null = null,
  ) => {
    const privateKey = key ?? (await createPeerKey())
    const saved: SwarmPass[] = []
    const charter = new CharterKeeper({
      files: { acts: () => [], saveActs: () => undefined },
      logger: silentLogger,
      swarm,
      nowSeconds,
    })
    const admission = new SwarmAdmission({
      clock,
      random,
      logger: silentLogger,
      own: signerOf(privateKey),
      root: rootKey,
      wants: 'node',
      pass,
      invite,
      charter,
      savePass: (given) => void saved.push(given),
    })
    return { admission, charter, id: peerIdOfKey(privateKey), privateKey, saved }
  }
  const founderKey = await createPeerKey()
  const grant = await signGrant(
    {
      swarm,
      subject: signerOf(founderKey).key,
      role: 'admin',
      serial: new Uint8Array(8),
      from: nowSeconds(),
      until: nowSeconds() + 365 * day,
      issuer: root.key,
    },
    root.sign,
  )
  const secrets = [{ secret: new Uint8Array(16).fill(9), until: null }]
  const founder = await peer({ swarm, secrets, chain: [grant], addresses: [] }, null, founderKey, root)
  let book: readonly Invite[] = []
  const invites = new IssuedInvites({
    files: { invites: () => book, saveInvites: (kept) => void (book = kept) },
    logger: silentLogger,
    random,
    nowSeconds,
    onChange: () => undefined,
  })
  founder.admission.honour(invites)
  const invite = (wanted: Role = 'node'): InviteCode => {
    const { key, role, expires } = invites.issue({ role: wanted, uses: 1, seconds: 7 * day })
    const addresses = ['/ip4/10.0.0.1/tcp/4001']
    return decodeInvite(encodeInvite({ role, expires, swarm, key: fromHex(key), addresses }))
  }
  return { clock, nowSeconds, peer, founder, invites, invite }
}

type Peer = Awaited<ReturnType<Awaited<ReturnType<typeof createWorld>>['peer']>>

/** One connection: the dialler's frame, the answer, and what both make of it. */
async function connect(dialler: Peer, listener: Peer): Promise<string> {
  const door = dialler.admission.doors().find(({ dials }) => dials)?.door.tag ?? 'no door'
  if (!listener.admission.doors().some(({ door: { tag }, answers }) => answers && tag === door))
    return 'no door'
  const { frame, outcome } = await listener.admission.answer(
    door,
    dialler.id,
    await dialler.admission.greet(),
  )
  const accepted = await dialler.admission.accept(door, listener.id, frame).then(
    ({ role }) => role,
    (error: unknown) => (error instanceof Refusal ? error.code : 'failed'),
  )
  return outcome instanceof Refusal ? accepted : `${outcome.role} meets ${accepted}`
}

test('an invite becomes a pass, once; whoever comes second is refused and seen', async () => {
  const { peer, founder, invites, invite } = await createWorld()
  const code = invite()
  const bob = await peer(null, code)
  expect(await connect(bob, founder)).toBe('node meets admin')
  expect(bob.saved.at(-1)?.secrets).toEqual(founder.admission.pass?.secrets)
  expect(bob.admission.doors().map(({ door }) => door.tag)).not.toContain(inviteDoor(code.key).tag)
  expect(await connect(bob, founder)).toBe('node meets admin')
  const mallory = await peer(null, code)
  expect(await connect(mallory, founder)).toBe('spent')
  expect(mallory.admission.pass).toBeNull()
  expect(invites.list()[0]).toMatchObject({ used: [{ peer: bob.id }], refused: [{ peer: mallory.id }] })
})

test('an invite ends with its term, and when it is revoked', async () => {
  const { clock, peer, founder, invites, invite } = await createWorld()
  const [late, revoked] = [await peer(null, invite()), await peer(null, invite())]
  invites.revoke(invites.list()[1]?.id ?? '')
  expect(await connect(revoked, founder)).toBe('revoked')
  clock.advance((7 * day + 1) * 1000)
  expect(await connect(late, founder)).toBe('expired')
})

test('a member whose grant ends soon gets a new one from the admin that it dials', async () => {
  const { clock, peer, founder, invite } = await createWorld()
  const bob = await peer(null, invite())
  await connect(bob, founder)
  const untilOf = (): number => readGrant(bob.admission.pass?.chain[0] ?? new Uint8Array(0)).until
  const first = untilOf()
  await connect(bob, founder)
  expect(untilOf()).toBe(first)
  clock.advance(16 * day * 1000)
  expect(await connect(bob, founder)).toBe('node meets admin')
  expect(untilOf()).toBe(first + 16 * day)
  clock.advance((limits.grantSeconds + 2 * day) * 1000)
  expect(await connect(bob, founder)).toBe('expired')
})

test('a member that is dialled cannot take role and secrets away by a gift', async () => {
  const { peer, founder, invite, nowSeconds } = await createWorld()
  const [bob, mallory] = [await peer(null, invite()), await peer(null, invite())]
  for (const each of [bob, mallory]) await connect(each, founder)
  const { swarm, chain } = mallory.admission.pass!
  const [from, until] = [nowSeconds(), nowSeconds() + day]
  const { key: issuer, sign } = signerOf(mallory.privateKey)
  const subject = signerOf(bob.privateKey).key
  const client = { swarm, subject, role: 'client', serial: new Uint8Array(8), from, until, issuer } as const
  const gift = {
    chain: [await signGrant(client, sign), ...chain],
    secrets: [{ secret: new Uint8Array(16).fill(66), until: null }],
  }
  const before = bob.admission.pass
  const door = bob.admission.doors()[0]?.door.tag ?? ''
  const standing = await bob.admission.accept(door, mallory.id, encodeWelcome({ swarm, chain, gift }))
  expect([standing.role, bob.admission.pass]).toEqual(['node', before])
  expect(await connect(bob, founder)).toBe('node meets admin')
})

test('a member that is put out ends at once, also for those who hear of it from others', async () => {
  const { peer, founder, invite } = await createWorld()
  const [bob, carol] = [await peer(null, invite()), await peer(null, invite())]
  await connect(bob, founder)
  await connect(carol, founder)
  expect(await connect(bob, carol)).toBe('node meets node')
  const ended: string[] = []
  carol.admission.onEnded((id) => ended.push(id))
  await founder.admission.layDown({ kind: 'revoke', key: signerOf(bob.privateKey).key })
  await carol.charter.merge(founder.charter.acts())
  expect(ended).toEqual([bob.id])
  expect([await connect(bob, carol), await connect(bob, founder)]).toEqual(['revoked', 'revoked'])
  expect([...carol.admission.standings().keys()]).not.toContain(bob.id)
})

test('a secret that an admin replaces reaches members that were away, and no peer that was put out', async () => {
  const { peer, founder, invite } = await createWorld()
  const [bob, carol, mallory] = [
    await peer(null, invite()),
    await peer(null, invite()),
    await peer(null, invite()),
  ]
  for (const each of [bob, carol, mallory]) await connect(each, founder)
  const newest = (of: Peer): string | undefined => of.admission.doors()[0]?.door.tag
  const [former] = [newest(founder)]
  await founder.admission.layDown({ kind: 'revoke', key: signerOf(mallory.privateKey).key })
  await founder.admission.replaceSecret()
  expect(newest(founder)).not.toBe(former)
  await carol.charter.merge(founder.charter.acts())
  expect(newest(carol)).toBe(newest(founder))
  // Bob was away: he knows the former door only, behind which he is told.
  expect(newest(bob)).toBe(former)
  expect([await connect(bob, carol), await connect(mallory, carol)]).toEqual(['node meets node', 'revoked'])
  await bob.charter.merge(carol.charter.acts())
  expect(newest(bob)).toBe(newest(founder))
  expect(newest(mallory)).toBe(former)
})

test('a former secret opens nothing once every grant of its time has ended', async () => {
  const { clock, peer, founder, invite } = await createWorld()
  const [bob, carol] = [await peer(null, invite()), await peer(null, invite())]
  for (const each of [bob, carol]) await connect(each, founder)
  await founder.admission.replaceSecret()
  clock.advance((limits.formerSecretSeconds - 1) * 1000)
  expect(await connect(carol, founder)).toBe('node meets admin')
  clock.advance(2000)
  expect(await connect(bob, founder)).toBe('no door')
})

test('the root key makes further admins, which invite nodes, put peers out and replace the secret', async () => {
  const { peer, founder, invite } = await createWorld()
  const [amy, bob] = [await peer(null, invite('admin')), await peer(null, invite())]
  expect(await connect(amy, founder)).toBe('admin meets admin')
  await connect(bob, founder)
  expect([amy.admission.mayGive('node'), amy.admission.mayGive('admin')]).toEqual([true, false])
  expect(founder.admission.mayGive('admin')).toBe(true)
  await amy.admission.layDown({ kind: 'revoke', key: signerOf(bob.privateKey).key })
  await amy.admission.replaceSecret()
  await founder.charter.merge(amy.charter.acts())
  expect(await connect(bob, founder)).toBe('revoked')
  expect(founder.admission.secrets().map(({ secret }) => secret)).toEqual(
    amy.admission.secrets().map(({ secret }) => secret),
  )
})

test('of two admins that put each other out the one that was made first stays, also after its grant was renewed', async () => {
  const { clock, peer, founder, invite } = await createWorld()
  const amy = await peer(null, invite('admin'))
  await connect(amy, founder)
  clock.advance(day * 1000)
  const ben = await peer(null, invite('admin'))
  await connect(ben, founder)
  clock.advance((limits.adminSeconds / 2) * 1000)
  await connect(amy, founder)
  const grants = (of: Peer) => readGrant(of.admission.pass?.chain[0] ?? new Uint8Array(0))
  expect(grants(amy).until).toBeGreaterThan(grants(ben).until)
  await amy.admission.layDown({ kind: 'revoke', key: signerOf(ben.privateKey).key })
  await ben.admission.layDown({ kind: 'revoke', key: signerOf(amy.privateKey).key })
  await founder.charter.merge(ben.charter.acts())
  await founder.charter.merge(amy.charter.acts())
  expect([await connect(amy, founder), await connect(ben, founder)]).toEqual(['admin meets admin', 'revoked'])
})

test('a junior admin that puts the founder out first is put out by an admin that the root key makes then', async () => {
  const { clock, peer, founder, invite } = await createWorld()
  const [amy, bob] = [await peer(null, invite('admin')), await peer(null, invite())]
  clock.advance(1000)
  for (const each of [amy, bob]) await connect(each, founder)
  await amy.admission.layDown({ kind: 'revoke', key: signerOf(founder.privateKey).key })
  await bob.charter.merge(amy.charter.acts())
  // Nobody who has heard of it connects to the founder, whose answer therefore does not get around.
  await founder.admission.layDown({ kind: 'revoke', key: signerOf(amy.privateKey).key })
  expect([await connect(founder, bob), await connect(bob, founder)]).toEqual([
    'revoked',
    expect.stringContaining('revoked'),
  ])
  clock.advance(1000)
  const cleo = await peer(null, invite('admin'))
  expect(await connect(cleo, founder)).toBe('admin meets admin')
  await cleo.admission.layDown({ kind: 'revoke', key: signerOf(amy.privateKey).key })
  expect(await connect(cleo, bob)).toBe('admin meets node')
  await bob.charter.merge(cleo.charter.acts())
  expect(await connect(amy, bob)).toBe('revoked')
  // With the founder's own act, which is the senior one, the founder is back.
  await bob.charter.merge(founder.charter.acts())
  expect(await connect(founder, bob)).toBe('admin meets node')
})

test('an act that no admin has signed ends the channel that brought it, and those before it count', async () => {
  const { peer, founder, invite } = await createWorld()
  const bob = await peer(null, invite())
  await connect(bob, founder)
  await founder.admission.layDown({ kind: 'name', name: 'home' })
  const forged = new Uint8Array(300)
  await expect(bob.charter.merge([...founder.charter.acts(), forged])).rejects.toMatchObject({
    code: 'bad-frame',
  })
  expect(bob.charter.charter.name).toBe('home')
})
