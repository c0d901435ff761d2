import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium, type Browser } from 'playwright-core'

/** Names under which systems install Chromium. No browser is downloaded for the tests. */
const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** The installed browser; null where there is none. */
export const chromiumPath: string | null =
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => programs.map((name) => join(folder, name)))
    .find((path) => existsSync(path)) ?? null

/** A browser starts in one second on a free machine, and in twenty on one that does other work. */
const browserTimeoutMs = 90_000

export async function startChromium(): Promise<Browser> {
  if (chromiumPath === null) throw new Error(`none of ${programs.join(', ')} is on PATH`)
  return chromium.launch({
    executablePath: chromiumPath,
    // The sandbox needs rights that containers seldom give, and the pages are those of this repository.
    chromiumSandbox: false,
    timeout: browserTimeoutMs,
  })
}
