/**
 * A browser without a window, on a machine of a layout: it opens a page of an origin of its own that asks an API.
 * Words: the API's address, its key and a question. Prints the answer that the page has got, as JSON.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const [api = '', apiKey = '', question = ''] = process.argv.slice(2)
const bundle = await rolldown({
  input: fileURLToPath(new URL('../../../client/src/web/index.ts', import.meta.url)),
  platform: 'browser',
})
const { output } = await bundle.generate({ format: 'esm' })
await bundle.close()

const page = readFileSync(new URL('./asking-page.html', import.meta.url), 'utf8')
const files: Readonly<Record<string, readonly [string, string]>> = {
  '/': ['text/html', page],
  '/web.js': ['text/javascript', output[0].code],
}

const told = Promise.withResolvers<string>()
const server = createServer((request, response) => {
  if (request.method === 'POST') {
    void bodyOf(request).then(told.resolve, told.reject)
    response.end()
    return
  }
  const [type, body] = files[new URL(request.url ?? '/', 'http://page').pathname] ?? ['text/plain', '']
  response.writeHead(200, { 'content-type': type }).end(body)
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request as AsyncIterable<Buffer>) text += part.toString()
  return text
}

const folder = mkdtempSync(join(tmpdir(), 'shoal-browser-'))
const asked = new URLSearchParams({ api, apiKey, question })
const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/?${asked.toString()}`
const words = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${folder}`, address]
const browser = spawn('chromium', words, { stdio: 'ignore' })
browser.once('error', told.reject)
browser.once('exit', () => told.reject(new Error('the browser ended without an answer')))
const ended = new Promise<void>((resolve) => browser.once('close', () => resolve()))
try {
  process.stdout.write(`${await told.promise}\n`)
} finally {
  browser.kill('SIGKILL')
  await ended
  server.close()
  server.closeAllConnections()
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
}
