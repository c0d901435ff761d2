import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

const moduleNames = ['../clock.ts', './system-clock.ts', './precise-clock.ts']

/** Runs a script in which nothing but its timers can keep the process alive. */
async function run(script: string): Promise<{ code: unknown; printed: string }> {
  const imports = moduleNames.map(
    (name) =>
      `Object.assign(globalThis, await import(${JSON.stringify(new URL(name, import.meta.url).href)}))`,
  )
  const child = spawn(process.execPath, ['-e', [...imports, script].join('\n')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  const [code] = (await once(child, 'close')) as unknown[]
  return { code, printed }
}

// A process that ends before a top-level await has settled exits with 13.
test.concurrent.each([
  ['a sleep', `await sleep(systemClock, 20)`],
  [
    'a time limit',
    `const { signal } = timeLimit(systemClock, 20, () => new Error('late'))
     await new Promise((resolve) => signal.addEventListener('abort', resolve))`,
  ],
  ['a timer', `await new Promise((resolve) => systemClock.after(20, resolve))`],
  [
    'a sleep on the precise clock',
    `const clock = createPreciseClock()
     await sleep(clock, 20)
     await sleep(clock, 20)
     clock.close()`,
  ],
])('%s that is awaited keeps the process alive', async (_name, wait) => {
  expect(await run(`${wait}; console.log('over')`)).toEqual({ code: 0, printed: 'over\n' })
})

test.concurrent.each([
  ['background timers', `systemClock.after(1e12, () => {}, { background: true })`],
  ['repeating timers', `every(systemClock, 60_000, () => {}, () => {})`],
  ['cancelled timers', `systemClock.after(0, () => process.exit(9)).cancel()`],
  ['cleared time limits', `timeLimit(systemClock, 60_000, () => new Error('late')).clear()`],
  [
    'ended sleeps',
    `const ended = new AbortController()
     const slept = sleep(systemClock, 60_000, ended.signal).catch(() => {})
     ended.abort()
     await slept`,
  ],
  ['precise clocks without a pending timer', `createPreciseClock().after(1e6, () => {}).cancel()`],
])('%s do not keep the process alive', async (_name, script) => {
  expect(await run(script)).toEqual({ code: 0, printed: '' })
})
