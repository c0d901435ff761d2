import type { Browser, Page } from 'playwright-core'
import { seriousViolations } from './accessibility.ts'

/** What a page has shown of a lost peer, in milliseconds of the machine's clock. */
export interface Shown {
  /** Ids of the peers that the map has marked since the question. */
  readonly dead: readonly string[]
  /** When the map marked the peer. */
  readonly deathMs: number
  /** When the page named the new path. */
  readonly pathMs: number
  /** Whether the answer was still coming when both could be seen. */
  readonly inMidAnswer: boolean
}

/** The dashboard of a node, as a person at a wide screen uses it. */
export interface DashboardPage {
  readonly page: Page
  /** Errors of scripts, and of the console. */
  readonly errors: readonly string[]
  /** Gives the API key that the page asks for, and waits until it shows the swarm. */
  useKey(key: string): Promise<void>
  /** Sets the sampling so that every answer is the same. */
  chooseGreedy(): Promise<void>
  /** Asks, and waits until that many characters of the answer are there. */
  ask(question: string, characters: number): Promise<void>
  /** Waits until the page has shown a peer's death and the new path. */
  shown(): Promise<Shown>
  /** Waits for the end of the last answer. @returns its text as the page has stored it */
  answer(): Promise<string>
  /** Serious violations on every view in both colour schemes, each with the name of its view. */
  violations(): Promise<string[]>
}

export async function openDashboard(browser: Browser, address: string): Promise<DashboardPage> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' })
  const page = await context.newPage()
  page.setDefaultTimeout(90_000)
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  // The browser itself reports a refused request, which is how the page learns that a key is needed.
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('401')) errors.push(message.text())
  })
  await page.goto(address)
  return {
    page,
    errors,
    async useKey(key) {
      await page.getByLabel('This API asks for a key').fill(key)
      await page.getByRole('button', { name: 'Use it' }).click()
      await page.locator('.pill.good').waitFor()
    },
    async chooseGreedy() {
      await page.getByRole('button', { name: 'Settings' }).click()
      await page.getByLabel('Temperature').fill('0')
      await page.keyboard.press('Tab')
      await page.getByRole('button', { name: 'Settings' }).click()
    },
    async ask(question, characters) {
      const text = Promise.withResolvers<void>()
      await page.exposeFunction('onAnswerText', text.resolve)
      await page.evaluate(watchPage, characters)
      await page.getByLabel('Message').fill(question)
      await page.keyboard.press('Enter')
      await text.promise
    },
    async shown() {
      await page.waitForFunction(() => 'shown' in window)
      return page.evaluate<Shown>('window.shown')
    },
    async answer() {
      await page.locator('.answer').last().waitFor()
      await page.locator('.stop').waitFor({ state: 'detached' })
      const stored = (await page.evaluate(() => localStorage.getItem('shoal.history'))) ?? '[]'
      const [newest] = JSON.parse(stored) as { turns: { answer: string }[] }[]
      return newest?.turns.at(-1)?.answer ?? ''
    },
    violations: () => violationsOf(page),
  }
}

/** Runs in the page: notes when what a person waits for is drawn, and tells of the answer's first characters. */
function watchPage(characters: number): void {
  const own = window as unknown as { onAnswerText(): void; shown?: Shown }
  const gone = (): string[] =>
    [...document.querySelectorAll('.map .gone title')].map(({ textContent }) => textContent.split('\n')[0]!)
  const before = gone()
  let told = false
  let dead: string[] = []
  let deathMs = 0
  let pathMs = 0
  const look = (frameMs: number): void => {
    const nowMs = performance.timeOrigin + frameMs
    // The words beside the answer, for screen readers, do not count.
    const text = [...document.querySelectorAll('.answer p')].map((part) => part.textContent).join('')
    if (!told && text.length >= characters) {
      told = true
      own.onAnswerText()
    }
    if (dead.length === 0) {
      dead = gone().filter((peer) => !before.includes(peer))
      deathMs = nowMs
    }
    if (pathMs === 0 && document.querySelector('.happenings')?.textContent.includes('goes on over') === true)
      pathMs = nowMs
    if (dead.length === 0 || pathMs === 0) requestAnimationFrame(look)
    else own.shown = { dead, deathMs, pathMs, inMidAnswer: document.querySelector('.stop') !== null }
  }
  requestAnimationFrame(look)
}

async function violationsOf(page: Page): Promise<string[]> {
  const press = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click()
  const views: readonly (readonly [string, () => Promise<void>])[] = [
    ['swarm and chat', () => press('Swarm')],
    ['settings', () => press('Settings')],
    ['history', () => press('History')],
    ['plan', () => press('Plan')],
  ]
  const found: string[] = []
  const check = async (name: string): Promise<void> => {
    found.push(...(await seriousViolations(page)).map((violation) => `${name}: ${violation}`))
  }
  for (const [name, show] of views) {
    await show()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await check(`${name}, ${colorScheme}`)
    }
  }
  await page.setViewportSize({ width: 390, height: 844 })
  for (const name of ['Chat', 'Swarm']) {
    await press(name)
    await check(`${name} on a phone`)
  }
  return found
}
