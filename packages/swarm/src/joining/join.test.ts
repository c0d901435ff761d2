import { createVirtualClock, seededRandom, silentLogger, type VirtualClock } from '@shoal/host'
import { createMemoryNetwork, type MemoryNetwork, type Transport } from '@shoal/network'
import { encodeHello, protocols } from '@shoal/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import { serveBlobs } from '../weights/blobs/serve.ts'
import { serveHello, type HelloSelf } from './hello.ts'
import { swarmLimits } from '../limits.ts'
import { smallManifest } from '../testing/small-model.ts'
import { settle } from '../testing/virtual-time.ts'
import type { JoinOptions } from './ask-peer.ts'
import { learnManifest } from './join.ts'
import type { Reference } from '../weights/reference.ts'

const manifest = smallManifest()
const described = {
  agent: 'shoal/0.1.0',
  role: 'node' as const,
  manifest: manifest.id,
  profile: 'f32',
  model: 'small',
}
/** A model of its own; large, so that nothing is packed to compare it. */
const reference = {
  ref: 'small',
  remote: true,
  fingerprint: 'x',
  defaultProfile: manifest.manifest.profile,
  source: { name: 'small', config: manifest.manifest.config },
} as unknown as Reference
const joining = { ...described, manifest: null, profile: null, model: null }

let clock: VirtualClock
let network: MemoryNetwork
let newcomer: Transport

beforeEach(() => {
  clock = createVirtualClock()
  network = createMemoryNetwork({ clock, random: seededRandom(1) })
  newcomer = network.createTransport('newcomer')
})

/** A peer that says of itself what `self` returns, and has the manifest. @returns its address */
function peer(name: string, self: () => HelloSelf): string {
  const transport = network.createTransport(name)
  serve(transport, self)
  return transport.addresses()[0]!
}
function serve(transport: Transport, self: () => HelloSelf): void {
  serveHello({ transport, clock, logger: silentLogger }, self)
  serveBlobs(
    transport,
    {
      size: () => manifest.bytes.byteLength,
      read: async (_blob, offset, length) => manifest.bytes.subarray(offset, offset + length),
    },
    silentLogger,
    clock,
  )
}
const learn = (
  join: readonly string[],
  options: Partial<JoinOptions> = {},
): ReturnType<typeof learnManifest> =>
  learnManifest(
    { transport: newcomer, directory: null, clock, logger: silentLogger },
    { join, role: 'node', reference: null, dataFolder: 'unused', ...options },
  )
async function pass(durationMs: number): Promise<void> {
  for (let leftMs = durationMs; leftMs > 0; leftMs -= 500) {
    clock.advance(500)
    await settle(60)
  }
}

describe('joining', () => {
  test('takes the first address that answers', async () => {
    const here = peer('here', () => described)
    expect(await learn(['/memory/gone/p2p/gone', here])).toMatchObject({
      peer: 'here',
      manifest: { id: manifest.id },
    })
  })

  test('waits for a peer that joins itself, and asks the others meanwhile', async () => {
    let ready = false
    let asked = 0
    const slow = peer('slow', () => {
      asked += 1
      return ready ? described : joining
    })
    const learning = learn([slow])
    await settle()
    await pass(5000)
    expect(asked).toBeGreaterThan(3)
    ready = true
    await pass(2000)
    expect((await learning)?.manifest.id).toBe(manifest.id)
  })

  test('gives up on a peer that never joins, naming it, and at once when it is aborted', async () => {
    const slow = peer('slow', () => joining)
    const caller = new AbortController()
    const reason = new Error('enough')
    const abandoned = expect(learn([slow], { signal: caller.signal })).rejects.toBe(reason)
    await settle()
    caller.abort(reason)
    await abandoned
    const learning = expect(learn([slow])).rejects.toMatchObject({
      code: 'not-ready',
      message: expect.stringContaining(`${slow}: it has not joined a swarm itself yet`) as unknown,
    })
    await settle()
    await pass(swarmLimits.notReadyTimeoutMs + 2000)
    await learning
  })

  test('a command fails at once when no address answers, and names them all', async () => {
    await expect(
      learn(['/memory/one/p2p/one', '/memory/two/p2p/two'], { role: 'client' }),
    ).rejects.toMatchObject({ code: 'peer-vanished', message: expect.stringMatching(/one.*two/) as unknown })
  })

  test('a node waits for an address that comes up later, for a limited time', async () => {
    const learning = learn(['/memory/late/p2p/late'])
    await pass(5000)
    peer('late', () => described)
    await pass(2000)
    expect(await learning).toMatchObject({ peer: 'late' })
    const absent = expect(learn(['/memory/never/p2p/never'])).rejects.toMatchObject({
      code: 'peer-vanished',
      message: expect.stringMatching(/within 6\d s.*never/) as unknown,
    })
    await pass(swarmLimits.absentTimeoutMs + 2000)
    await absent
  })

  test('a node creates the swarm when all peers wait for a model that it has', async () => {
    const here = peer('here', () => joining)
    const learning = learn([here], { reference })
    await pass(swarmLimits.createAfterMs + 2000)
    expect(await learning).toBeNull()
  })

  test('a node that has the model waits for a peer that makes the manifest', async () => {
    let self: HelloSelf = { ...joining, model: 'small' }
    const here = peer('here', () => self)
    let over = false
    const learning = learn([here], { weights: 'f32' }).finally(() => (over = true))
    await pass(swarmLimits.absentTimeoutMs + swarmLimits.createAfterMs)
    expect(over).toBe(false)
    self = described
    await pass(2000)
    expect(await learning).toMatchObject({ peer: 'here' })
  })

  test('a node whose only address is its own learns from the first peer that connects', async () => {
    const learning = learn([])
    await pass(3000)
    const visitor = network.createTransport('visitor')
    serve(visitor, () => described)
    const dialled = visitor.dial(newcomer.addresses()[0]!, { signal: new AbortController().signal })
    await pass(2000)
    await dialled
    expect(await learning).toMatchObject({ peer: 'visitor' })
  })

  test.each<[string, Uint8Array]>([
    // {"version": [2 ** 60]}
    [
      'a number that JSON lacks',
      Uint8Array.from(Buffer.from('a16776657273696f6e811b1000000000000000', 'hex')),
    ],
    ['lists within lists', Uint8Array.from({ length: 20_000 }, () => 0x81)],
    ['no CBOR', Uint8Array.of(1, 2, 3)],
  ])('a visitor whose manifest has %s is not believed, and does not end the wait', async (_name, bytes) => {
    const learning = learn([])
    const hostile = network.createTransport('hostile')
    serveHello({ transport: hostile, clock, logger: silentLogger }, () => described)
    serveBlobs(
      hostile,
      {
        size: () => bytes.length,
        read: (_blob, offset, length) => Promise.resolve(bytes.slice(offset, offset + length)),
      },
      silentLogger,
      clock,
    )
    const visitor = network.createTransport('visitor')
    serve(visitor, () => described)
    const { signal } = new AbortController()
    const first = hostile.dial(newcomer.addresses()[0]!, { signal })
    await pass(3000)
    await first
    const second = visitor.dial(newcomer.addresses()[0]!, { signal })
    await pass(3000)
    await second
    expect(await learning).toMatchObject({ peer: 'visitor' })
  })

  test('with the model it creates the swarm itself', async () => {
    expect(await learn([], { reference })).toBeNull()
  })

  test('a bug in this program ends the join: no other address is asked', async () => {
    const broken: Transport = {
      ...newcomer,
      peerId: 'newcomer',
      dial: () => Promise.reject(new TypeError('undefined is not a function')),
    }
    await expect(
      learnManifest(
        { transport: broken, directory: null, clock, logger: silentLogger },
        { join: ['/memory/a/p2p/a', '/memory/b/p2p/b'], role: 'node', reference: null, dataFolder: 'unused' },
      ),
    ).rejects.toThrow(TypeError)
  })

  test('a peer whose manifest drips is given up at the first short piece', async () => {
    const dripping = network.createTransport('dripping')
    serveHello({ transport: dripping, clock, logger: silentLogger }, () => described)
    let pieces = 0
    serveBlobs(
      dripping,
      {
        size: () => manifest.bytes.byteLength,
        read: async (_blob, offset) => ((pieces += 1), manifest.bytes.subarray(offset, offset + 1)),
      },
      silentLogger,
      clock,
    )
    const joined = await learn([dripping.addresses()[0]!, peer('here', () => described)])
    expect(joined).toMatchObject({ peer: 'here' })
    expect(pieces).toBeLessThanOrEqual(2)
  })

  test("a damaged manifest is its sender's fault: the next one is asked", async () => {
    const liar = network.createTransport('liar')
    serveHello({ transport: liar, clock, logger: silentLogger }, () => described)
    serveBlobs(
      liar,
      { size: () => 5, read: () => Promise.resolve(new Uint8Array([1, 2, 3, 4, 5])) },
      silentLogger,
      clock,
    )
    expect(await learn([liar.addresses()[0]!, peer('here', () => described)])).toMatchObject({ peer: 'here' })
    await expect(learn([liar.addresses()[0]!])).rejects.toMatchObject({
      code: 'peer-vanished',
      message: expect.stringContaining('manifest of liar') as unknown,
    })
  })

  test('another protocol version ends the join: no other address is asked', async () => {
    const later = network.createTransport('later')
    later.handle(protocols.hello, (channel) =>
      channel.onFrame(() => channel.send(...encodeHello({ type: 'hello', version: 2, ...described }))),
    )
    const here = peer('here', () => described)
    await expect(learn([later.addresses()[0]!, here])).rejects.toMatchObject({ code: 'wrong-version' })
  })

  test('other weights than the swarm serves are refused, naming both', async () => {
    const here = peer('here', () => described)
    await expect(learn([here], { weights: 'int4' })).rejects.toMatchObject({
      code: 'wrong-profile',
      message: expect.stringMatching(/int4:128.*small with f32/) as unknown,
    })
  })

  test('a peer that sends another manifest than it names is not believed', async () => {
    const liar = peer('liar', () => ({ ...described, manifest: 'b'.repeat(64) }))
    expect(await learn([liar, peer('here', () => described)])).toMatchObject({ peer: 'here' })
    await expect(learn([liar])).rejects.toMatchObject({
      code: 'peer-vanished',
      message: expect.stringMatching(/liar says its manifest is b{12}, but sent/) as unknown,
    })
  })
})
