import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { root, type World } from './harness.ts'

/** Pages whose commands a reader types one after the other. */
const pages = ['README.md', 'docs/tutorial.md', 'docs/how-to.md']

/** Commands that end by themselves beside a running swarm. */
const ending = new Set(['status', 'generate', 'chat', 'plan', 'model', 'doctor'])

/** Commands that run until they are stopped, or belong to another swarm than the one of the tests, and who runs them. */
const elsewhere: Readonly<Record<string, string>> = {
  up: 'test/demo-swarm.test.ts',
  serve: 'test/package/install.test.ts',
  bootstrap: 'test/directory.test.ts',
  invite: 'test/private-swarm.test.ts',
  grants: 'test/private-swarm.test.ts',
  swarm: 'test/shaped-swarm.test.ts',
}

interface Documented {
  /** Each command once, and once more where it has `--join`: those that end by themselves. */
  readonly runs: readonly (readonly string[])[]
  /** Commands that nobody runs. */
  readonly unknown: readonly string[]
}

/** @param values what stands for the address of a peer, for a folder with a model, and for a list of devices */
function documentedCommands(values: {
  readonly address: string
  readonly model: string
  readonly devices: string
}): Documented {
  const lines = pages.flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8')
    return [...text.matchAll(/```sh\n([^]*?)```/g)].flatMap(([, block = '']) =>
      [...block.matchAll(/^npx shoal (.*)$/gm)].map(([, line = '']) => line.split(/ +#/)[0]!.trim()),
    )
  })
  const runs = new Map<string, readonly string[]>()
  const unknown = new Set<string>()
  for (const line of lines) {
    const name = line.split(' ')[0] ?? ''
    if (ending.has(name)) {
      const words = wordsOf(line, values)
      // With other values it is the same command.
      runs.set(`${name} ${words.includes('--join') && name !== 'chat'}`, words)
    } else if (
      elsewhere[name] === undefined ||
      !readFileSync(join(root, elsewhere[name]), 'utf8').includes(name)
    )
      unknown.add(line)
  }
  return { runs: [...runs.values()], unknown: [...unknown] }
}

function wordsOf(
  line: string,
  { address, model, devices }: Parameters<typeof documentedCommands>[0],
): string[] {
  const filled = line
    .replaceAll(/\/ip4\/\S+|(?<=--join )…/g, address)
    .replaceAll('./Llama-3.2-1B-Instruct', model)
    .replaceAll('devices.json', devices)
  // Timing blocks takes half a minute.
  if (line === 'doctor') return ['doctor', '--quick']
  const words = [...filled.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  return /^(generate|chat)/.test(line) ? [...words, '--max-tokens', '8'] : words
}

/** Runs the commands that end by themselves beside a node. @param folder the node's data directory */
export async function runDocumented(world: World, address: string, folder: string): Promise<void> {
  const devices = join(folder, 'devices.json')
  writeFileSync(
    devices,
    JSON.stringify({ devices: [{ name: 'laptop', memory: '8GiB', decodeMsPerBlock: 2 }] }),
  )
  const { runs, unknown } = documentedCommands({ address, model: 'demo', devices })
  expect(unknown).toEqual([])
  expect(runs.length).toBeGreaterThanOrEqual(7)
  const ended = await Promise.all(
    runs.map((words) => {
      const beside = words.includes('--join') ? [] : ['--data', folder]
      return world.run([...words, ...beside], { input: 'Who are you?\n' })
    }),
  )
  expect(ended.map(({ code, stderr }, index) => [runs[index], code === 0 ? '' : stderr])).toEqual(
    runs.map((words) => [words, '']),
  )
  const text = ended.map(({ stdout }) => stdout).join('\n')
  expect(text).toContain('every block is held')
  expect(text).toContain('one user: ')
}
