import { connect } from '@shoal/client'
import { afterAll, expect, it } from 'vitest'
import { chromiumPath, startChromium } from './browser/chromium.ts'
import { lendTab } from './browser/lend.ts'
import { createWorld } from './harness.ts'

const world = createWorld()
afterAll(() => world.close())

const options = { temperature: 0, maxTokens: 120 }

it.skipIf(chromiumPath === null)(
  'two tabs and a node serve the demo model; a tab that is closed in mid-answer changes no token (needs Chromium on PATH)',
  async () => {
    const node = await world.up([
      '--model',
      'demo',
      '--blocks',
      '0:3',
      '--data',
      world.folder('node'),
      '--api',
      '127.0.0.1:0',
      '--tabs',
    ])
    const { lend } = node.ready as typeof node.ready & { readonly lend: string }
    const link = lend.replace('/lend#', '/lend?blocks=3:6#')
    const browser = await startChromium()
    const closing: (() => Promise<void>)[] = []
    try {
      const tabs = await Promise.all([lendTab(browser, link), lendTab(browser, link, 'phone')])
      for (const tab of tabs) await tab.says('Serving')
      for (const tab of tabs) {
        expect(await tab.violations()).toEqual([])
        // Threads share memory in such pages only.
        expect(await tab.page.evaluate(() => crossOriginIsolated)).toBe(true)
      }
      const swarm = await connect({ model: 'demo', join: [node.address], dataFolder: world.folder('sdk') })
      closing.push(() => swarm.close())
      const computed = (): Promise<number[]> =>
        Promise.all(tabs.map(async (tab) => Number((await tab.figures())['Tokens computed'])))

      const whole = await swarm.generate('Once upon a time', options)
      expect(whole.route.map(({ start, end }) => [start, end])).toEqual([
        [0, 3],
        [3, 6],
      ])
      const before = await computed()
      let text = ''
      let parts = 0
      let closed: number | null = null
      let result: { readonly failovers: number; readonly continuity: string } | undefined
      for await (const part of swarm.stream('Once upon a time', options)) {
        text += part.text
        result = part.result
        parts += 1
        if (parts !== 40) continue
        const after = await computed()
        closed = after.findIndex((rows, index) => rows > before[index]! + 20)
        await tabs[closed]!.page.close()
      }
      expect(closed).not.toBeNull()
      expect(parts).toBeGreaterThan(60)
      expect(text).toBe(whole.text)
      expect(result).toMatchObject({ failovers: 1, continuity: 'identical' })

      const left = tabs[1 - closed!]!
      await left.page.getByRole('button', { name: 'Stop' }).click()
      await left.says('Stopped')
      expect(left.errors).toEqual([])
      const peers = swarm.status().peers.filter(({ device }) => device === 'browser tab')
      expect(peers).toHaveLength(2)
      expect(peers.every(({ liveness, state }) => liveness === 'left' || state === 'left')).toBe(true)
    } finally {
      for (const close of closing) await close()
      await browser.close()
    }
  },
)
