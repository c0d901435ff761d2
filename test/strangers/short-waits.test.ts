import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { basename, join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { createMembership, membershipProfiles } from '@shoal/membership'
import { createRawPeer } from '@shoal/sim/siege'
import type { GenerateResult } from '@shoal/swarm'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createWorld, program, type Ended, type Up } from '../harness.ts'
import { startDrippingPeer } from './dripping-peer.ts'
import { writeStrangeModel, type StrangeModel } from './strange-model.ts'

/*
 * Attacks whose bounds are long waits, against a real node for which long waits are short (`short-waits.ts`): a model of
 * somebody else, callers that do not read, peers that drip.
 */

const timeout = 60_000
/** What a terminal would obey: a title, a cleared screen, the clipboard, another direction of writing. */
const hostile = '\u001b]0;owned\u0007\u001b[2J\u001b]52;c;eA==\u001b\\\u009b1m\u202e'

describe('a real node whose long waits are short', { timeout }, () => {
  const preload = new URL('short-waits.ts', import.meta.url).href
  const world = createWorld({ NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${preload}` })
  const model = world.folder('model')
  let strange: StrangeModel
  let node: Up
  let api: string
  const closing: (() => Promise<void>)[] = []

  beforeAll(async () => {
    strange = writeStrangeModel(model)
    const keys = world.folder('keys.json')
    writeFileSync(keys, JSON.stringify({ keys: [{ name: 'phone', key: 'k', concurrency: 1 }] }))
    const options = ['--model', model, '--threads', '1', '--memory', '64MiB', '--api', '127.0.0.1:0']
    node = await world.up([...options, '--api-keys', keys, '--data', world.folder('node')])
    api = new URL(node.ready.api!).origin
    await vi.waitFor(async () => expect(await text()).toBe(200), 30_000)
  }, timeout)
  afterAll(async () => {
    for (const close of closing) await close()
    await world.close()
  })

  const headers = { 'content-type': 'application/json', authorization: 'Bearer k' }
  const bodyOf = (asked: object): string =>
    JSON.stringify({ model: basename(model), max_tokens: 1, ...asked })
  const ask = (path: string, asked: object): Promise<Response> =>
    fetch(`${api}${path}`, { method: 'POST', headers, body: bodyOf(asked) })
  const text = async (prompt = 'Once'): Promise<number> => (await ask('/v1/completions', { prompt })).status

  it('a manifest that drips does not keep a peer from another address', async () => {
    const short = await startDrippingPeer({ pieceBytes: 1, everyMs: 0 })
    const slow = await startDrippingPeer({ pieceBytes: 1024 * 1024, everyMs: 1000 })
    closing.push(
      () => short.close(),
      () => slow.close(),
    )
    const join = [short.address, slow.address, node.address].flatMap((address) => ['--join', address])
    const asked = ['--prompt-ids', '5', '--max-tokens', '1', '--json', '--data', world.folder('client')]
    const ended = await world.run(['generate', ...join, ...asked])
    expect(ended.code, ended.stderr).toBe(0)
    expect((ended.json() as GenerateResult).tokenIds).toHaveLength(1)
    expect(short.pieces()).toBeLessThanOrEqual(2)
    // As many as 10 s have room for, of 16.
    expect(slow.pieces()).toBeGreaterThan(1)
    expect(slow.pieces()).toBeLessThan(13)
  })

  it('a template without end costs one answer, and not the node', async () => {
    const refused = await ask('/v1/chat/completions', { messages: [{ role: 'user', content: 'a' }] })
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('template')])
    expect([await text(), node.process.exitCode]).toEqual([200, null])
  })

  it('a pattern of the tokenizer without end costs one answer, and the node answers meanwhile', async () => {
    // The event loop is free while the thread computes. A busy machine may need a second look.
    let refused: Response
    let answeredMeanwhile = false
    let tries = 0
    do {
      const endless = ask('/v1/completions', { prompt: strange.endlessPrompt })
      const seen = fetch(`${api}/swarm`, { headers })
      answeredMeanwhile =
        (await Promise.race([endless.then(() => 0), seen.then(({ status }) => status)])) === 200
      refused = await endless
    } while (!answeredMeanwhile && (tries += 1) < 3)
    expect(answeredMeanwhile).toBe(true)
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('did not finish')])
    expect([await text(), node.process.exitCode]).toEqual([200, null])
  })

  it('a stream that nobody reads gives its place back after the deadline', async () => {
    const body = bodyOf({
      prompt: 'Once',
      max_tokens: 400,
      stream: true,
      logit_bias: { [strange.longToken]: 100 },
    })
    const { hostname, port } = new URL(api)
    const socket = connect({ host: hostname, port: Number(port) })
    socket.on('error', () => undefined)
    const begun = new Promise((resolve) => socket.once('data', () => resolve(socket.pause())))
    const head = ['POST /v1/completions HTTP/1.1', `host: ${hostname}:${port}`, 'authorization: Bearer k']
    const lengths = ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`]
    socket.write(`${[...head, ...lengths].join('\r\n')}\r\n\r\n${body}`)
    await begun
    // The only place of this key: 400 tokens of 200 kB do not fit into the buffers of a connection.
    expect(await text()).toBe(429)
    await vi.waitFor(async () => expect(await text()).toBe(200), { timeout: 30_000, interval: 200 })
    socket.destroy()
  })

  it('a file beside the weights that is a link out of the folder is not published', async () => {
    const linked = world.folder('linked')
    writeStrangeModel(linked)
    const secret = world.folder('secret')
    mkdirSync(secret)
    writeFileSync(join(secret, 'key'), 'secret')
    symlinkSync(join(secret, 'key'), join(linked, 'chat_template.jinja'))
    const options = ['--model', linked, '--threads', '1', '--memory', '64MiB']
    const ended = await world.run(['up', ...options, '--data', world.folder('linking')])
    expect(ended.code, ended.stderr).toBe(1)
    expect(ended.stderr).toContain('chat_template.jinja is a link to a file outside its model')
  })

  it.skipIf(process.platform !== 'linux' || spawnSync('script', ['--version']).status !== 0)(
    'what a peer says of itself cannot command a terminal (needs script of util-linux)',
    async () => {
      const peer = await createRawPeer({ listen: ['/ip4/127.0.0.1/tcp/0'] })
      const membership = createMembership(
        { transport: peer.transport, clock: systemClock, random: systemRandom, logger: silentLogger },
        { ...membershipProfiles.local, document: node.ready.manifest, incarnation: 1 },
      )
      closing.push(
        () => membership.close(),
        () => peer.close(),
      )
      membership.start()
      await peer.transport.dial(node.address, { signal: new AbortController().signal })
      const hardware = {
        memoryBytes: 2 ** 30,
        decodeMicrosPerBlock: 1000,
        prefillMicrosPerRowBlock: 1000,
        bandwidthBytesPerSecond: 1e6,
        device: `cpu${hostile}`,
        threads: 1,
      }
      const version = `0.1.0${hostile}`
      const problem = `needs help ${hostile}`
      await membership.announce({ state: 'joining', hardware, version, problem })
      await vi.waitFor(async () => {
        const swarm = (await (await fetch(`${api}/swarm`, { headers })).json()) as { peers: object[] }
        expect(swarm.peers).toContainEqual(expect.objectContaining({ peer: peer.transport.peerId }))
      }, 20_000)
      const shown = await onTerminal(['status', '--join', node.address, '--data', world.folder('viewer')])
      expect(shown.stdout).toContain('needs help')
      for (const command of ['\u001b]', '\u001b[2J', '\u0007', '\u009b', '\u202e'])
        expect(shown.stdout).not.toContain(command)
    },
  )

  /** Runs a command on a pseudo-terminal. */
  const onTerminal = async (args: readonly string[]): Promise<Pick<Ended, 'stdout'>> => {
    const command = [process.execPath, program, ...args].map((word) => `'${word}'`).join(' ')
    const ended = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8', timeout: 30_000 })
    return { stdout: ended.stdout }
  }
})
