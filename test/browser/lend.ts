import type { Browser, Page } from 'playwright-core'
import { seriousViolations } from './accessibility.ts'

/** A tab that lends itself to a node. */
export interface LendingTab {
  readonly page: Page
  /** Errors of scripts, and of the console. */
  readonly errors: readonly string[]
  /** What the page says of itself, by the name of each line. */
  figures(): Promise<Readonly<Record<string, string>>>
  /** Waits until the page says this. */
  says(text: string): Promise<void>
}

/** Opens a link and presses the button. @param look a phone in the dark, or a wide screen in the light */
export async function lendTab(
  browser: Browser,
  link: string,
  look: 'phone' | 'wide' = 'wide',
): Promise<LendingTab & { violations(): Promise<string[]> }> {
  const context = await browser.newContext(
    look === 'phone'
      ? { viewport: { width: 360, height: 640 }, colorScheme: 'dark' }
      : { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  )
  const page = await context.newPage()
  page.setDefaultTimeout(90_000)
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  await page.goto(link)
  await page.getByRole('button', { name: 'Lend this tab' }).click()
  return {
    page,
    errors,
    async figures() {
      const lines = await page.locator('dl').innerText()
      const words = lines.split('\n').filter((line) => line.trim() !== '')
      return Object.fromEntries(
        words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? '']] : [])),
      )
    },
    says: (text) => page.getByRole('status').getByText(text, { exact: true }).waitFor(),
    violations: () => seriousViolations(page),
  }
}
