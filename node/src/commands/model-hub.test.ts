import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const program = fileURLToPath(new URL('../main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'shoal-hub-away-'))
/** Answers with the status in the path: `/STATUS/RETRY-AFTER/…`. */
const hub = createServer((request, response) => {
  const [, status, retryAfter] = request.url!.split('/')
  response.writeHead(Number(status), { 'retry-after': retryAfter! }).end('busy')
})
let address: string
/** An address on which nothing listens. */
let closedAddress: string

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

beforeAll(async () => {
  const gone = createServer()
  closedAddress = await listen(gone)
  gone.close()
  address = await listen(hub)
})
afterAll(() => {
  hub.closeAllConnections()
  hub.close()
  rmSync(folder, { recursive: true })
})

/** `shoal model pull org/name` in a process of its own. */
async function pull(endpoint: string): Promise<{ code: unknown; retries: string[]; last: string }> {
  const words = [program, 'model', 'pull', 'org/name', '--data', folder]
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HF_ENDPOINT: endpoint, HF_TOKEN: '' },
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const [code] = (await once(child, 'close')) as unknown[]
  const lines = errors.trimEnd().split('\n')
  return {
    code,
    retries: lines.filter((line) => line.includes(' hub-retry ')).map((line) => line.slice(13)),
    last: lines.at(-1)!,
  }
}

const waysOut =
  'try again later (what has been packed is kept), set HF_ENDPOINT to a mirror that answers, {token}' +
  "or give the path of a folder with the model's files, which needs no hub"
const withToken = waysOut.replace('{token}', 'set HF_TOKEN, because accounts may ask more often, ')
const withoutToken = waysOut.replace('{token}', '')

const retriesFor = (reason: string, waits: readonly number[]): string[] =>
  waits.map(
    (waitMs, index) =>
      `warn  hub-retry what=org/name reason=${JSON.stringify(reason)} waitMs=${waitMs} attempt=${index + 1} of=5`,
  )

test.concurrent('a hub that cannot be reached is tried five times, told each time, and then given up with the ways out', async () => {
  const reason = `${closedAddress}: connect ECONNREFUSED ${closedAddress}`
  expect(await pull(`http://${closedAddress}`)).toEqual({
    code: 1,
    retries: retriesFor(reason, [500, 1000, 2000, 4000]),
    last: `shoal: there is no folder 'org/name'; on the hub: org/name: ${reason} (tried 5 times); ${withoutToken}`,
  })
})

test.concurrent.each([
  [429, withToken],
  [503, withoutToken],
])('a hub that answers %i is given up with the ways out', async (status, ways) => {
  const reason = `${address} answers ${status}`
  expect(await pull(`http://${address}/${status}/1`)).toEqual({
    code: 1,
    retries: retriesFor(reason, [1000, 1000, 2000, 4000]),
    last: `shoal: there is no folder 'org/name'; on the hub: org/name: ${reason} (tried 5 times); ${ways}`,
  })
})

test.concurrent('a hub that asks for a longer wait than a minute is not waited for', async () => {
  const reason = `${address} answers 503`
  expect(await pull(`http://${address}/503/3600`)).toEqual({
    code: 1,
    retries: [],
    last: `shoal: there is no folder 'org/name'; on the hub: org/name: ${reason} and asks clients to wait 3600 s (tried once); ${withoutToken}`,
  })
})
