import axe, { type AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

/**
 * What axe-core finds on the page as it is shown now, of the weights "serious" and "critical".
 * @returns a line for each finding, with the first elements that it concerns
 */
export async function seriousViolations(page: Page): Promise<string[]> {
  // Through the debugger: the page's content security policy forbids `eval`, with which Playwright runs a script's text.
  const debug = await page.context().newCDPSession(page)
  try {
    await debug.send('Runtime.evaluate', { expression: axe.source })
    const { result } = await debug.send('Runtime.evaluate', {
      expression: 'axe.run(document, { resultTypes: ["violations"] })',
      awaitPromise: true,
      returnByValue: true,
    })
    const { violations } = result.value as AxeResults
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, nodes }) =>
          `${id}: ${nodes
            .slice(0, 3)
            .map(({ html, failureSummary }) => `${html} ${failureSummary}`)
            .join(' | ')}`,
      )
  } finally {
    await debug.detach()
  }
}
