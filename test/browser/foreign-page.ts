import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser } from 'playwright-core'
import { rolldown } from 'rolldown'
import { root } from '../harness.ts'

/** The example page, served from an origin of its own, as a page of somebody else is. */
export interface ForeignPage {
  /** Bytes of the client for pages, compressed. */
  readonly clientBytes: number
  /** Presses one of the page's buttons with a key, and waits for the end. @returns what the page shows */
  press(button: 'Ask' | 'Show hidden states', key: string): Promise<string>
  close(): Promise<void>
}

export async function openForeignPage(browser: Browser, api: string): Promise<ForeignPage> {
  const client = await clientForPages()
  const example = (name: string): Buffer => readFileSync(join(root, 'examples', 'page', name))
  const files: Readonly<Record<string, readonly [string, string | Buffer]>> = {
    '/': ['text/html', example('index.html')],
    '/app.js': ['text/javascript', example('app.js')],
    '/web.js': ['text/javascript', client],
  }
  const server = createServer(({ url = '' }, response) => {
    const [type, body] = files[url] ?? ['text/plain', '']
    response.writeHead(files[url] === undefined ? 404 : 200, { 'content-type': type }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const page = await browser.newPage()
  page.setDefaultTimeout(90_000)
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await page.getByLabel("Address of a node's API").fill(api)
  return {
    clientBytes: gzipSync(client).length,
    async press(button, key) {
      await page.getByLabel('Key').fill(key)
      await page.evaluate(() => delete document.getElementById('answer')!.dataset['done'])
      await page.getByRole('button', { name: button }).click()
      const done = page.locator('#answer[data-done]')
      await done.waitFor()
      return (await done.textContent()) ?? ''
    },
    async close() {
      await page.close()
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    },
  }
}

async function clientForPages(): Promise<string> {
  const bundle = await rolldown({
    input: join(root, 'client', 'src', 'web', 'index.ts'),
    platform: 'browser',
  })
  const { output } = await bundle.generate({ format: 'esm', minify: true })
  await bundle.close()
  return output[0].code
}
