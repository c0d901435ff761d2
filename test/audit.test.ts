import { createPrivateKey, sign as signWith } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, expect, test } from 'vitest'
import { createPeerKey, peerIdOfKey } from '@shoal/network'
import { encodeEvidence, sealReceipt, type Receipt } from '@shoal/protocol'
import { createWorld, type Ended } from './harness.ts'

const world = createWorld()
afterAll(() => world.close())

/** What an Ed25519 key in PKCS #8 begins with; the 32 bytes of the seed follow. */
const keyHead = Buffer.from('302e020100300506032b657004220420', 'hex')

/** A receipt that a peer with a key of its own has signed. */
async function receiptOf(out: number): Promise<Uint8Array> {
  const peerKey = await createPeerKey()
  const key = createPrivateKey({
    key: Buffer.concat([keyHead, peerKey.subarray(4, 36)]),
    format: 'der',
    type: 'pkcs8',
  })
  const receipt: Receipt = {
    manifest: 'ab'.repeat(32),
    numericClass: 'c0ffee',
    peer: peerIdOfKey(peerKey),
    incarnation: 1,
    session: 's',
    epoch: 0,
    start: 2,
    end: 4,
    position: 64,
    rows: 64,
    in: new Uint8Array(32),
    out: new Uint8Array(32).fill(out),
  }
  return sealReceipt(receipt, async (bytes) => signWith(null, bytes, key))
}

async function verified(receipts: readonly Uint8Array[]): Promise<Ended> {
  const folder = world.folder('verify')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'evidence.json')
  const evidence = Buffer.from(encodeEvidence({ kind: 'wrong-output', receipts })).toString('hex')
  writeFileSync(file, JSON.stringify({ evidence: [evidence] }))
  return world.run(['audit', 'verify', file, '--data', folder, '--json'])
}

test('evidence with the signatures of four peers is checked offline, and one changed byte of it fails', async () => {
  const receipts = [await receiptOf(1), await receiptOf(2), await receiptOf(2), await receiptOf(2)]
  const right = await verified(receipts)
  expect([right.code, right.json()]).toMatchObject([
    0,
    { evidence: [{ kind: 'wrong-output', blocks: [2, 4], position: 64 }] },
  ])
  const changed = receipts[3]!.slice()
  changed[changed.length - 1]! ^= 1
  const wrong = await verified([...receipts.slice(0, 3), changed])
  expect(wrong.code).toBe(1)
})

test('a node gives the receipts of the sessions that it has coordinated', async () => {
  const node = await world.up(['--model', 'demo', '--api', '127.0.0.1:0', '--data', world.folder('node')])
  const api = node.ready.api!
  // The API answers 503 until embedding and head are there; the client's retries wait for it.
  const client = new OpenAI({ baseURL: `${api}/v1`, apiKey: 'none', maxRetries: 20 })
  await client.completions.create({
    model: 'demo',
    prompt: 'Once upon a time',
    max_tokens: 12,
    temperature: 0,
  })
  const shown = await world.run(['audit', '--api', new URL(api).host, '--json'])
  const { peerId } = node.ready
  expect(shown.json()).toMatchObject({
    counts: { sessions: 1, audits: 0 },
    sessions: [
      {
        receipts: [
          { peer: peerId, start: 0, position: 8 },
          { peer: peerId, start: 0 },
        ],
      },
    ],
    evidence: [],
  })
})
