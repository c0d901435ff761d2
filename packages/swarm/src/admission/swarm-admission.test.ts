import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { createPeerKey, peerIdOfKey, signerOf } from '@shoal/network'
import {
  decodeInvite,
  encodeInvite,
  fromHex,
  inviteDoor,
  limits,
  readGrant,
  Refusal,
  signGrant,
  swarmIdOf,
  type Invite,
  type InviteCode,
} from '@shoal/trust'
import { expect, test } from 'vitest'
import { CharterKeeper } from './charter-keeper.ts'
import { IssuedInvites } from './issued-invites.ts'
import { SwarmAdmission } from './swarm-admission.ts'
import type { SwarmPass } from './swarm-pass.ts'

const day = 24 * 3600

async function createWorld() {
  const clock = createVirtualClock()
  const random = seededRandom(1)
  const nowSeconds = (): number => Math.floor(clock.wallMs() / 1000)
  const root = signerOf(await createPeerKey())
  const swarm = swarmIdOf(root.key)
  const peer = async (pass: SwarmPass | null, invite: InviteCode | null, key?: Uint8Array) => {
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
  const founder = await peer({ swarm, secrets, chain: [grant], addresses: [] }, null, founderKey)
  let book: readonly Invite[] = []
  const invites = new IssuedInvites({
    files: { invites: () => book, saveInvites: (kept) => void (book = kept) },
    random,
    nowSeconds,
    onChange: () => undefined,
  })
  founder.admission.honour(invites)
  const invite = (): InviteCode => {
    const { key, role, expires } = invites.issue({ role: 'node', uses: 1, seconds: 7 * day })
    const addresses = ['/ip4/10.0.0.1/tcp/4001']
    return decodeInvite(encodeInvite({ role, expires, swarm, key: fromHex(key), addresses }))
  }
  return { clock, peer, founder, invites, invite }
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

test('a member that is put out ends at once, also for those who hear of it from others', async () => {
  const { peer, founder, invite } = await createWorld()
  const [bob, carol] = [await peer(null, invite()), await peer(null, invite())]
  await connect(bob, founder)
  await connect(carol, founder)
  expect(await connect(bob, carol)).toBe('node meets node')
  const ended: string[] = []
  carol.admission.onEnded((id) => ended.push(id))
  await founder.admission.revoke(signerOf(bob.privateKey).key)
  await carol.charter.merge(founder.charter.acts())
  expect(ended).toEqual([bob.id])
  expect([await connect(bob, carol), await connect(bob, founder)]).toEqual(['revoked', 'revoked'])
  expect([...carol.admission.standings().keys()]).not.toContain(bob.id)
})
