import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom, silentLogger, type Clock } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { parseProfile, unitNames } from '@shoal/model'
import { openFolder, packIntoFolder, writeRandomModel } from '@shoal/model/node'
import { createMemoryNetwork } from '@shoal/network'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { serveBlobs } from '../blobs/serve.ts'
import { createLinkRates } from '../../measuring/link-rates.ts'
import { createReputation } from '../../trust/reputation.ts'
import { createHubClient } from './hub-client.ts'
import { openHubFiles, parseHubReference } from './hub-files.ts'
import { packReference } from '../local-manifest.ts'
import { folderBlobs } from '../store/folder-blobs.ts'
import { openModelStore } from '../model-store.ts'
import { hubOf, openReference } from '../reference.ts'
import { commit, startHubServer, type HubServer } from '../../testing/hub-server.ts'

const id = 'org/random-1m'
const secret = 'hf_secretTokenOfNobody'
let root: string
let folder: string
let hub: HubServer

/** Waits before another attempt are short here; the limit on silence is not. */
const hasty: Clock = {
  ...systemClock,
  after: (delayMs, action) => systemClock.after(delayMs < 30_000 ? Math.min(delayMs, 2) : delayMs, action),
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'shoal-hub-'))
  folder = join(root, 'random-1m')
  const shape = {
    hidden: 64,
    blocks: 4,
    heads: 4,
    keyValueHeads: 2,
    feedForward: 128,
    vocabulary: 512,
    context: 64,
    tied: true,
    seed: 3,
  }
  await writeRandomModel(folder, shape, { shardBytesMax: 150_000 })
  hub = await startHubServer(id, folder)
})
beforeEach(() => {
  hub.intercept = null
})
afterAll(async () => {
  await hub.close()
  await rm(root, { recursive: true })
})

const dependencies = { clock: hasty, fetch: globalThis.fetch, logger: silentLogger }
const client = (token: string | null = secret) =>
  createHubClient(dependencies, { endpoint: hub.endpoint, token })
const open = async (revision = 'main', token?: string | null) =>
  openHubFiles(client(token), { id, revision, file: null })
const refer = (ref = id) => openReference(ref, { hub: { endpoint: hub.endpoint, token: secret } })

test.each([
  ['org/name', { id: 'org/name', revision: 'main', file: null }],
  ['org/na.me@v1.0', { id: 'org/na.me', revision: 'v1.0', file: null }],
  ['org/name@refs/pr/2', { id: 'org/name', revision: 'refs/pr/2', file: null }],
  ['./folder', null],
  ['../a/b', null],
  ['a/b/c', null],
  ['/abs/path', null],
  ['demo', null],
])('%s is read as a hub reference or not', (ref, expected) => {
  expect(parseHubReference(ref)).toEqual(expected)
})

test('endpoint and token come from the environment', () => {
  expect(hubOf({})).toEqual({ endpoint: 'https://huggingface.co', token: null })
  expect(hubOf({ HF_ENDPOINT: 'http://mirror', HF_TOKEN: ' x ' })).toEqual({
    endpoint: 'http://mirror',
    token: 'x',
  })
})

test.each(['main', 'v1', commit])(
  'files of revision %s are those of one commit, read by range',
  async (revision) => {
    const before = hub.sentBytes
    const { files, commit: found } = await open(revision)
    expect(found).toBe(commit)
    expect(files.name).toBe('random-1m')
    expect([...(await files.list())].sort()).toEqual((await readdir(folder)).sort())
    const local = await openFolder(folder)
    const name = 'model-00002-of-00003.safetensors'
    const [far, near] = [await files.open(name), await local.open(name)]
    expect(far?.size).toBe(near?.size)
    expect(await far!.read(1000, 5000)).toEqual(await near!.read(1000, 5000))
    expect(await far!.read(7, 0)).toHaveLength(0)
    expect(hub.sentBytes - before).toBe(5000)
    expect(await files.open('missing.json')).toBeNull()
    expect(
      hub.requests.filter(({ url }) => url.includes('/resolve/')).every(({ url }) => url.includes(commit)),
    ).toBe(true)
    await local.close()
  },
)

test('only the bytes that a span needs are read; the packing is that of the folder', async () => {
  const [far, near] = [await refer(), await openReference(folder)]
  const profile = parseProfile('int4:32')
  const whole = await packReference(near, profile, { dataFolder: join(root, 'near') })
  const before = hub.sentBytes
  const part = await packIntoFolder(far.source, profile, join(root, 'part'), {
    units: ['block-1', 'block-2'],
    expected: whole.manifest,
  })
  const blockBytes = 2 * (64 * (64 + 64) + 64 * 64 + 3 * 64 * 128 + 2 * 64)
  const sent = hub.sentBytes - before
  expect(sent).toBeGreaterThanOrEqual(2 * blockBytes)
  expect(sent).toBeLessThan(2 * blockBytes + 3 * 4096)
  await part.verify('block-1')
  const all = await packReference(far, profile, { dataFolder: join(root, 'far') })
  expect(all.manifest.id).toBe(whole.manifest.id)
  for (const one of [whole, part, all]) await one.close()
  for (const { source } of [far, near]) await source.close()
})

test('a node of a swarm asks the hub for what no peer has, and for nothing else', async () => {
  const near = await openReference(folder)
  const whole = await packReference(near, parseProfile('int4:32'), { dataFolder: join(root, 'near') })
  const network = createMemoryNetwork({ clock: systemClock, random: seededRandom(1) })
  const [self, peer] = [network.createTransport('self'), network.createTransport('peer')]
  const blobs = folderBlobs(() => whole)
  serveBlobs(
    peer,
    { ...blobs, size: (blob) => (blockOne.has(blob) ? blobs.size(blob) : null) },
    silentLogger,
    systemClock,
  )
  const blockOne = new Set(
    whole.manifest.manifest.tensors
      .filter(({ name }) => name.startsWith('block-1.'))
      .map(({ sha256 }) => sha256),
  )
  self.learn('peer', peer.addresses())
  const store = await openModelStore(join(root, 'member'), whole.manifest, {
    clock: systemClock,
    reference: await refer(),
    peers: {
      transport: self,
      rates: createLinkRates(systemClock),
      reputation: createReputation(systemClock),
      candidates: () => ['peer'],
    },
  })
  const before = hub.sentBytes
  await store.ensureUnits(['block-1'])
  expect(hub.sentBytes).toBe(before)
  expect(store.transfers()).toEqual([expect.objectContaining({ peer: 'peer', wrongPieces: 0 })])
  await store.ensureUnits(['block-2'])
  const blockBytes = 2 * (64 * (64 + 64) + 64 * 64 + 3 * 64 * 128 + 2 * 64)
  expect(hub.sentBytes - before).toBeGreaterThanOrEqual(blockBytes)
  expect(hub.sentBytes - before).toBeLessThan(blockBytes + 3 * 4096)
  await store.close()
  await whole.close()
  await near.source.close()
})

test('an interrupted packing goes on after the units it has', async () => {
  const far = await refer()
  const dataFolder = join(root, 'resumed')
  const profile = parseProfile('f32')
  const interrupt = new AbortController()
  const first = packReference(far, profile, {
    dataFolder,
    signal: interrupt.signal,
    onProgress: ({ doneBytes, totalBytes }) =>
      doneBytes > 0.6 * totalBytes ? interrupt.abort(new Error('enough')) : undefined,
  })
  await expect(first).rejects.toThrow('enough')
  const before = hub.sentBytes
  const seen: { activity: string; part: number }[] = []
  const packed = await packReference(far, profile, {
    dataFolder,
    onProgress: ({ activity, doneBytes, totalBytes }) =>
      void seen.push({ activity, part: doneBytes / totalBytes }),
  })
  const { size } = await stat(join(folder, 'model-00001-of-00003.safetensors'))
  expect(hub.sentBytes - before).toBeLessThan(1.5 * size)
  expect(seen[0]?.part).toBeGreaterThan(0.3)
  expect(seen.at(-1)).toEqual({ activity: 'fetch', part: 1 })
  for (const unit of unitNames(packed.manifest.manifest.config)) await packed.verify(unit)
  expect((await readdir(join(dataFolder, 'models'))).filter((name) => name.endsWith('.partial'))).toEqual([])
  await packed.close()
  await far.source.close()
})

const status =
  (code: number, headers: Record<string, string> = {}) =>
  (_request: IncomingMessage, response: ServerResponse): boolean => {
    response.writeHead(code, headers).end('no')
    return true
  }

test.each([
  [401, secret, 'bad-request', /refuses HF_TOKEN for org\/random-1m \(401\)/],
  [401, null, 'bad-request', /does not exist, or is private; set HF_TOKEN for/],
  [403, secret, 'bad-request', /accept its licence on the model's page with the account of HF_TOKEN/],
  [404, secret, 'not-found', /has no org\/random-1m \(404\)/],
  [418, secret, 'bad-model', /answers 418/],
  [500, secret, 'not-ready', /answers 500 \(tried 5 times\)/],
  [429, secret, 'not-ready', /answers 429 \(tried 5 times\)/],
] as const)(
  'status %i with token %s is said as %s, without the token',
  async (code, token, error, message) => {
    hub.intercept = status(code)
    const opening = open('main', token)
    await expect(opening).rejects.toThrow(
      expect.objectContaining({ code: error, message: expect.stringMatching(message) }),
    )
    await expect(opening).rejects.not.toThrow(secret)
  },
)

test('the token goes to the hub, and settings that cannot work do not show it', async () => {
  await open()
  expect(hub.requests.at(-1)?.authorization).toBe(`Bearer ${secret}`)
  for (const settings of [
    { endpoint: hub.endpoint, token: `${secret}\n` },
    { endpoint: `http://me:${secret}@host`, token: null },
    { endpoint: 'ftp://host', token: null },
  ]) {
    expect(() => createHubClient(dependencies, settings)).toThrow(
      expect.objectContaining({ code: 'bad-request', message: expect.not.stringContaining(secret) }),
    )
  }
})

test('a hub that is busy, breaks off or cuts bodies short is asked again from where it was', async () => {
  const { files } = await open()
  const reader = (await files.open('model-00001-of-00003.safetensors'))!
  let turn = 0
  hub.intercept = (request, response) => {
    if (request.headers.range === undefined || request.url?.includes('/elsewhere/') !== true) return false
    turn += 1
    if (turn === 1) return status(503, { 'retry-after': '0' })(request, response)
    if (turn > 3) return false
    const [, first = '0', last = '0'] = /bytes=(\d+)-(\d+)/.exec(request.headers.range) ?? []
    response.writeHead(206, {
      'content-range': `bytes ${first}-${last}/${reader.size}`,
      ...(turn === 2 ? { 'content-length': Number(last) - Number(first) + 1 } : {}),
    })
    readFile(join(folder, 'model-00001-of-00003.safetensors')).then(
      (bytes) => {
        response.write(bytes.subarray(Number(first), Number(first) + 100), () =>
          turn === 2 ? response.destroy() : response.end(),
        )
      },
      () => response.destroy(),
    )
    return true
  }
  const bytes = await reader.read(10, 1000)
  expect(bytes).toEqual(
    new Uint8Array((await readFile(join(folder, 'model-00001-of-00003.safetensors'))).subarray(10, 1010)),
  )
  expect(hub.requests.at(-1)?.range).toBe('bytes=210-1009')
})

test.each([
  ['sends the whole file', 200, {}, /hub must support range requests/],
  ['sends another range', 206, { 'content-range': 'bytes 0-1/2' }, /sends bytes 0-1\/2/],
  ['sends a part without its name', 206, {}, /without saying which/],
])('a hub that %s is refused', async (_, code, headers, message) => {
  const { files } = await open()
  const reader = (await files.open('model-00001-of-00003.safetensors'))!
  hub.intercept = status(code, headers)
  await expect(reader.read(10, 100)).rejects.toThrow(
    expect.objectContaining({ code: 'bad-model', message: expect.stringMatching(message) }),
  )
})

test('a hub that is away is said so; an abort ends the wait', async () => {
  const away = createHubClient(dependencies, { endpoint: 'http://127.0.0.1:9', token: secret })
  await expect(openHubFiles(away, { id, revision: 'main', file: null })).rejects.toThrow(
    expect.objectContaining({
      code: 'peer-vanished',
      message: expect.stringMatching(/org\/random-1m: 127.0.0.1:9: .*\(tried 5 times\)/),
    }),
  )
  hub.intercept = () => true
  const interrupt = new AbortController()
  const waiting = openHubFiles(client(), { id, revision: 'main', file: null }, interrupt.signal)
  interrupt.abort(new Error('no more'))
  await expect(waiting).rejects.toThrow('no more')
})
