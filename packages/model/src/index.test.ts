import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('nothing behind index.ts needs Node: it runs in a browser', () => {
  const seen = new Set<string>()
  const visit = (file: URL): void => {
    if (seen.has(file.href)) return
    seen.add(file.href)
    const text = readFileSync(fileURLToPath(file), 'utf8')
    expect(text, file.href).not.toMatch(/\bBuffer\b\.|process\.|require\(/)
    for (const [, name = ''] of text.matchAll(/(?:from|import\() ?'([^']+)'/g)) {
      expect(name, file.href).not.toMatch(/^node:|\/node\.ts$/)
      if (name.startsWith('.')) visit(new URL(name, file))
    }
  }
  visit(new URL('index.ts', import.meta.url))
  expect(seen.size).toBeGreaterThan(30)
})
