import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pass } from 'node:timers/promises'
import { messageOf } from '@shoal/host'
import { protocols } from '@shoal/protocol'
import type { GenerateResult, SwarmStatus } from '@shoal/swarm'
import { afterAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'
import { createRawPeer } from '@shoal/sim/siege'

interface Invited {
  readonly id: string
  readonly code: string
  readonly link: string
  readonly role: string
}

const prompt = [
  '--prompt-ids',
  '5,6,7,8',
  '--temperature',
  '0',
  '--max-tokens',
  '240',
  '--ignore-eos',
  '--json',
]

describe('a private swarm', () => {
  const world = createWorld()
  afterAll(() => world.close())
  const folders = {
    a: world.folder('a'),
    b: world.folder('b'),
    c: world.folder('c'),
    guest: world.folder('guest'),
  }
  const ask = async (...words: string[]): Promise<unknown> => {
    const ended = await world.run([...words, '--json', '--data', folders.a])
    expect(ended.code, ended.stderr).toBe(0)
    return ended.json()
  }
  let nodes: { a: Up; b: Up; c: Up }

  it(
    'founds, invites by a code alone, and keeps its secrets from other users',
    { timeout: 240_000 },
    async () => {
      const up = (words: string[], folder: string) => world.up([...words, '--threads', '1', '--data', folder])
      const a = await up(['--model', 'demo', '--private', '--blocks', '0:3'], folders.a)
      const first = (await ask('invite')) as Invited
      expect(first).toMatchObject({ role: 'node', link: `shoal://join/${first.code}` })
      const b = await up([first.code, '--blocks', '3:6', '--slowdown', '3'], folders.b)
      const second = (await ask('invite')) as Invited
      const c = await up([second.code, '--blocks', '3:6', '--slowdown', '8'], folders.c)
      expect([b.ready.manifest, c.ready.manifest]).toEqual([a.ready.manifest, a.ready.manifest])
      nodes = { a, b, c }
      if (process.platform !== 'win32')
        for (const file of ['swarm.json', 'invites.json', 'root.key', 'peer.key', 'control.json'])
          expect(statSync(join(folders.a, file)).mode & 0o777).toBe(0o600)
      // The code is spent: another folder is refused, and its owner sees who came.
      const stolen = await world.run(['generate', first.code, ...prompt, '--data', world.folder('thief')])
      expect(stolen.code).toBe(1)
      expect(stolen.stderr).toContain('used by another peer already')
      const { invites } = (await ask('invite', 'list')) as {
        invites: { id: string; state: string; used: { peer: string }[]; refused: unknown[] }[]
      }
      expect(invites.find(({ id }) => id === first.id)).toMatchObject({
        state: 'spent',
        used: [{ peer: b.ready.peerId }],
        refused: [expect.objectContaining({ peer: expect.stringContaining('12D3KooW') as string })],
      })
    },
  )

  it('lets nobody in by a code that is over, was ended, or is damaged', { timeout: 240_000 }, async () => {
    const short = (await ask('invite', '--expires', '1s')) as Invited
    const ended = (await ask('invite')) as Invited
    await ask('invite', 'revoke', ended.id)
    await pass(1100)
    // One wrong character is refused before a dial.
    const damaged = `${short.code.slice(0, -1)}${short.code.endsWith('q') ? 'p' : 'q'}`
    const outcomes = await Promise.all(
      [short.code, ended.code, damaged].map((code, index) =>
        world.run(['status', code, '--json', '--data', world.folder(`late-${index}`)]),
      ),
    )
    expect(outcomes.map(({ code }) => code)).toEqual([1, 1, expect.toBeOneOf([1, 2])])
    const { invites } = (await ask('invite', 'list')) as { invites: { id: string; used: unknown[] }[] }
    for (const { id } of [short, ended])
      expect(invites.find((invite) => invite.id === id)?.used ?? []).toEqual([])
  })

  it(
    'shows a stranger that has the address nothing but the end of the connection',
    { timeout: 240_000 },
    async () => {
      const stranger = await createRawPeer()
      // Shoal's own protocols, and those of the library.
      const library = [
        '/shoal/kad/1',
        '/ipfs/id/1.0.0',
        '/ipfs/ping/1.0.0',
        '/libp2p/circuit/relay/0.2.0/hop',
      ]
      for (const protocol of [...Object.values(protocols), ...library]) {
        const outcome = await stranger.open(nodes.a.address, protocol).catch(messageOf)
        expect([protocol, outcome]).toEqual([
          protocol,
          expect.stringContaining('ask its admin for an invite'),
        ])
      }
      await stranger.close()
    },
  )

  it(
    'puts a revoked node out within five seconds, and an answer goes on with the same tokens',
    { timeout: 240_000 },
    async () => {
      const local = await world.run(['generate', '--model', 'demo', '--local', ...prompt])
      const guest = (await ask('invite', '--role', 'client')) as Invited
      const started = Promise.withResolvers<void>()
      nodes.b.onEvent(({ event }) => {
        if (event === 'session-opened') started.resolve()
      })
      const answering = world.run(['generate', guest.code, ...prompt, '--data', folders.guest])
      await started.promise
      await ask('grants', 'revoke', nodes.b.ready.peerId)
      await Promise.all(
        [nodes.a, nodes.c].map((node) =>
          Promise.race([
            node.until(({ event, peer }) => event === 'peer-dead' && peer === nodes.b.ready.peerId),
            pass(5_000).then(() => Promise.reject(new Error('the revoked node is still in'))),
          ]),
        ),
      )
      const ended = await answering
      expect(ended.code, ended.stderr).toBe(0)
      const result = ended.json() as GenerateResult
      expect(result.tokenIds).toEqual((local.json() as GenerateResult).tokenIds)
      // An answer that ended before the revocation would show nothing.
      expect(result.failovers).toBeGreaterThanOrEqual(1)
      expect(result.route.map(({ peer }) => peer)).not.toContain(nodes.b.ready.peerId)
    },
  )

  it('pairs a machine by a PIN, which wrong tries do not open', { timeout: 240_000 }, async () => {
    const shown = (await ask('invite', '--pin')) as Invited & { door: string[] }
    expect(shown).toMatchObject({ role: 'node', link: `shoal://join/${shown.code}` })
    const door = ['--join', shown.door[0] ?? '']
    const wrong = shown.code === '000000' ? '000001' : '000000'
    const refused = await world.run(['status', wrong, ...door, '--json', '--data', world.folder('guesser')])
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('the PIN is wrong')])
    const near = world.folder('near')
    const joined = await world.run(['status', shown.code, ...door, '--json', '--data', near])
    expect(joined.code, joined.stderr).toBe(0)
    expect((joined.json() as SwarmStatus).manifest).toBe(nodes.a.ready.manifest)
    const { invites } = (await ask('invite', 'list')) as { invites: { id: string; pin: boolean }[] }
    expect(invites.find(({ id }) => id === shown.id)).toMatchObject({
      pin: true,
      state: 'spent',
      refused: [expect.objectContaining({ peer: expect.stringContaining('12D3KooW') as string })],
    })
  })

  it(
    'replaces its secret: a member that was away comes back, and needs no code',
    { timeout: 240_000 },
    async () => {
      await nodes.c.stop()
      expect(((await ask('lock')) as { secrets: (string | null)[] }).secrets).toEqual([
        null,
        expect.stringMatching(/^\d{4}-/),
      ])
      await ask('grants', 'name', 'home')
      nodes.c = await world.up(['--threads', '1', '--blocks', '3:6', '--data', folders.c])
      await nodes.a.until(({ event, peer }) => event === 'peer-joined' && peer === nodes.c.ready.peerId)
    },
  )

  it(
    'finds itself again after all members were stopped, at ports that the system chose',
    { timeout: 240_000 },
    async () => {
      await Promise.all([nodes.a.stop(), nodes.c.stop()])
      const up = (words: string[], folder: string) => world.up([...words, '--threads', '1', '--data', folder])
      const before = nodes.a.ready.addrs
      const [a, c] = await Promise.all([
        up(['--model', 'demo', '--blocks', '0:3'], folders.a),
        up(['--blocks', '3:6'], folders.c),
      ])
      expect(a.ready.addrs).toEqual(before)
      await a.until(({ event, peer }) => event === 'peer-joined' && peer === c.ready.peerId)
      nodes = { ...nodes, a, c }
    },
  )

  it('shows who may what, and a member that returns needs no code', { timeout: 240_000 }, async () => {
    await nodes.c.stop()
    nodes.c = await world.up(['--threads', '1', '--blocks', '3:6', '--data', folders.c])
    const status = (await ask('status')) as SwarmStatus
    expect(status.name).toBe('home')
    expect(status.peers.find(({ peer }) => peer === nodes.a.ready.peerId)?.role).toBe('admin')
    const { grants } = (await ask('grants')) as { grants: object[] }
    expect(grants).toContainEqual(
      expect.objectContaining({ peer: nodes.c.ready.peerId, role: 'node', connected: true }),
    )
  })
})
