import { decodeHello, encodeHello, protocols, protocolVersion, type Hello } from '@shoal/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'
import { createRawPeer, readFrames, type RawPeer } from '@shoal/sim/siege'

const later: Hello = {
  type: 'hello',
  version: protocolVersion + 1,
  agent: 'shoal/9.9.9',
  role: 'node',
  manifest: 'f'.repeat(64),
  profile: 'f32',
  model: 'demo',
}

describe('a peer of a later release', () => {
  const world = createWorld()
  let raw: RawPeer
  let node: Up

  beforeAll(async () => {
    raw = await createRawPeer()
    raw.transport.handle(protocols.hello, (channel) =>
      channel.onFrame(() => channel.send(...encodeHello(later))),
    )
    node = await world.up(['--model', 'demo', '--data', world.folder('node'), '--threads', '1'])
  })
  afterAll(async () => {
    await raw.close()
    await world.close()
  })

  it.each([
    ['generate', ['generate', 'Hello']],
    ['status', ['status']],
    ['up', ['up', '--data', world.folder('joiner')]],
  ])(
    'is refused by shoal %s with a sentence that names both versions and says what to update',
    async (_name, words) => {
      const { code, stderr } = await world.run([...words, '--join', raw.address])
      expect(code).toBe(1)
      expect(stderr).toContain(
        `protocol version ${protocolVersion} here, ${protocolVersion + 1} there (shoal/9.9.9): update this peer`,
      )
    },
  )

  it('learns our version when it dials, and our log says why it is refused', async () => {
    const channel = await raw.open(node.address, protocols.hello)
    const frames = readFrames(channel)
    await channel.send(...encodeHello(later))
    expect(decodeHello(await frames.next())).toMatchObject({
      type: 'hello',
      version: protocolVersion,
      manifest: node.ready.manifest,
      model: 'demo',
      profile: 'f32',
    })
    await frames.ended
    await expect
      .poll(() => node.obituary(), { timeout: 10_000 })
      .toContain(`protocol version ${protocolVersion} here, ${protocolVersion + 1} there`)
  })

  it('finds none of its own protocols here, and learns which ones we speak', async () => {
    const laterSession = protocols.session.replace(/\d+$/, String(protocolVersion + 1))
    await expect(raw.open(node.address, laterSession)).rejects.toMatchObject({
      code: 'wrong-version',
      message: expect.stringContaining(protocols.session) as unknown,
    })
  })
})
