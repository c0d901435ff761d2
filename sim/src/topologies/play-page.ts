import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { program, textOn } from './commands.ts'
import type { Lab } from './namespaces.ts'
import { within } from './waiting.ts'

const visit = fileURLToPath(new URL('./visit-page.ts', import.meta.url))
const golden = fileURLToPath(new URL('../../../packages/demo-model/golden.json', import.meta.url))
const question = 'Who are you?'
const key = 'key-of-a-page'

/** Where the API is that the page asks: a machine of the internet that holds no block. */
export const deskAddress = '5.5.5.3'

/**
 * A page of a browser in a home, which asks a reachable machine; that one asks the nodes, some of which nobody can dial.
 * @param code invite of the reachable machine
 * @returns what was wrong
 */
export async function playPage(
  lab: Lab,
  code: string,
  dataFolder: string,
  say: (line: string) => void,
): Promise<readonly string[]> {
  const { cases } = JSON.parse(readFileSync(golden, 'utf8')) as {
    readonly cases: readonly { readonly prompt: string; readonly answer: string }[]
  }
  const expected = cases.find(({ prompt }) => prompt === question)?.answer
  const words = [
    'serve',
    code,
    '--api',
    `${deskAddress}:8090`,
    '--api-key',
    key,
    '--json',
    '--data',
    dataFolder,
  ]
  const line = [...lab.within('desk'), process.execPath, program, ...words]
  const desk = spawn(line[0] ?? '', line.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const ready = new Promise<string>((resolve, reject) => {
      createInterface({ input: desk.stdout }).once('line', resolve)
      desk.once('exit', () => reject(new Error('the API did not start')))
    })
    const { api } = JSON.parse(await within(ready, 'the API serves')) as { readonly api: string }
    const asked = textOn(lab, 'guest', visit, api, key, question)
    const { text, parts, failure } = JSON.parse(await within(asked, 'the page has its answer')) as {
      readonly text?: string
      readonly parts?: number
      readonly failure?: string
    }
    if (failure !== undefined) return [`the page failed: ${failure}`]
    say(`the page got ${parts} parts: ${JSON.stringify(text)}`)
    return text === expected ? [] : [`the page got other text than ${JSON.stringify(expected)}`]
  } finally {
    desk.kill('SIGKILL')
  }
}
