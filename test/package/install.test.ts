import { execFile, spawn, type ChildProcess } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../harness.ts'
import { packClient, packShoal } from './pack.ts'

const execute = promisify(execFile)

/** Bytes of the tarball for one platform: the native runtime (18 MB), the demo model (6 MB), the runtime for browser
 * tabs (4 MB), node-datachannel (4 MB) and the program. */
const tarballBytesMax = 42e6

/** Of the client for pages: its code takes 6 kB, its types and licences 9. */
const clientBytesMax = 30e3

/** What `npm test` sets for its own scripts would send an install to this repository. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))

describe('the package, installed from its tarball in an empty folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-installed-'))
  const project = join(folder, 'project')
  const program = join(project, 'node_modules', 'shoal', 'bin', 'shoal.js')
  const started: ChildProcess[] = []
  const home = join(folder, 'home')
  const settings = { cwd: project, env: { ...env, SHOAL_DATA: join(folder, 'data') } }

  beforeAll(async () => {
    const tarball = await packShoal(root, folder, { platforms: 'this', level: 1, tell: console.log })
    const client = await packClient(root, folder)
    expect(statSync(client).size).toBeLessThan(clientBytesMax)
    const megabytes = [statSync(tarball).size, tarballBytesMax].map((bytes) => (bytes / 1e6).toFixed(1))
    console.log(`the tarball for this platform has ${megabytes[0]} MB, of ${megabytes[1]} at most`)
    expect(statSync(tarball).size).toBeLessThan(tarballBytesMax)
    for (const each of [project, home]) mkdirSync(each)
    // Nothing is fetched: whatever the package needs is in the tarball.
    const words = [
      'install',
      tarball,
      client,
      '--offline',
      '--no-audit',
      '--no-fund',
      '--cache',
      join(folder, 'cache'),
    ]
    const installed = await execute('npm', words, { ...settings, shell: process.platform === 'win32' })
    expect(installed.stderr).toBe('')
  })
  afterAll(async () => {
    const running = started.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
    const ended = running.map((child) => new Promise((resolve) => child.once('close', resolve)))
    for (const child of running) child.kill('SIGKILL')
    await Promise.all(ended)
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  })

  it('starts processes, shows which blocks each holds, answers and ends', async () => {
    const { stdout } = await execute(
      process.execPath,
      [program, 'start', '--processes', '2', '--prompt', 'Who are you?'],
      { ...settings, env: { ...settings.env, HOME: home, XDG_CACHE_HOME: undefined, CI: undefined } },
    )
    expect(stdout).toMatch(/none of them could hold the model alone/)
    expect(stdout).toContain('I am a very small language model')
    expect(stdout).toMatch(/\[0, (\d)\).*\[\1, 6\)/s)
    // Telemetry of the native runtime would keep an identifier of the machine in `.cache/Microsoft`.
    if (process.platform === 'linux') {
      expect(readdirSync(home)).toEqual(['.cache'])
      expect(readdirSync(join(home, '.cache'))).toEqual(['shoal'])
    }
  })

  it('connects through routers where the checkout can, and says so in its report', async () => {
    const words = [program, 'doctor', '--quick', '--json', '--threads', '1']
    const asked = async (): Promise<unknown> => {
      const { stdout } = await execute(process.execPath, words, settings)
      return (JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { punching: unknown }).punching
    }
    const isHere = existsSync(join(root, 'node_modules', 'node-datachannel'))
    expect(await asked()).toEqual(isHere ? null : expect.stringContaining('node-datachannel'))
    // As on a platform for which there is no binary: all else goes on.
    const modules = join(project, 'node_modules', 'shoal', 'node_modules')
    rmSync(join(modules, '@node-datachannel'), { recursive: true, force: true })
    expect(await asked()).toContain('does not load here')
  })

  it('serves the model over HTTP, and its dashboard', async () => {
    const words = [program, 'serve', '--model', 'demo', '--local', '--api', '127.0.0.1:0', '--json']
    const child = spawn(process.execPath, words, { ...settings, stdio: ['ignore', 'pipe', 'ignore'] })
    started.push(child)
    const [line] = await new Promise<string[]>((resolve) =>
      createInterface({ input: child.stdout }).once('line', (text) => resolve([text])),
    )
    const { api } = JSON.parse(line ?? '') as { api: string }
    const models = (await (await fetch(`${api}/v1/models`)).json()) as { data: { id: string }[] }
    expect(models.data.map(({ id }) => id)).toEqual(['demo'])
    expect(await (await fetch(api)).text()).toContain('<title>')
    // What a browser tab needs is bundled (`shoal up --tabs`); of onnxruntime-web there is no more than two files.
    expect(readdirSync(join(project, 'node_modules', 'shoal', 'dist', 'lend')).toSorted()).toEqual([
      'lend.css',
      'lend.html',
      'onnxruntime.mjs',
      'onnxruntime.wasm',
      'page.js',
      'worker.js',
    ])
  })

  it.skipIf(process.platform === 'win32')(
    'runs the command of the systemd unit without a home directory, and leaves after SIGTERM (POSIX signals)',
    async () => {
      const unit = readFileSync(join(root, 'packaging', 'shoal.service'), 'utf8')
      const command =
        /^ExecStart=(.*)$/m.exec(unit)?.[1]?.replace('$SHOAL_OPTIONS', '--model demo --json') ?? ''
      const [file = '', ...words] = command.split(' ')
      const bin = join(project, 'node_modules', '.bin')
      const child = spawn(file, words, {
        cwd: '/',
        env: {
          PATH: [bin, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
          // A file: nothing can be written there, as in the unit, where home directories are read-only.
          HOME: program,
          SHOAL_DATA: join(folder, 'state'),
        },
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      started.push(child)
      const lines = createInterface({ input: child.stdout })
      const ready = await new Promise<string>((resolve) => lines.once('line', resolve))
      expect(JSON.parse(ready)).toMatchObject({ event: 'ready', blocks: [0, 6] })
      const ended = new Promise((resolve) => child.once('close', resolve))
      child.kill('SIGTERM')
      expect(await ended).toBe(0)
    },
  )

  it('has the SDK with its types, for a strict TypeScript project', async () => {
    const source = [
      "import { connect } from '@shoal/client'",
      "import { connect as connectPage } from '@shoal/client/web'",
      "const swarm = await connect({ model: 'demo', local: true })",
      "const { text } = await swarm.generate('Once', { temperature: 0, maxTokens: 2 })",
      '// @ts-expect-error -- an error shows that the type is not any',
      'const wrong: number = text',
      'console.log(typeof wrong)',
      'await swarm.close()',
      "const unreachable = connectPage({ api: 'http://127.0.0.1:1', wait: async () => {} })",
      'console.log(await unreachable.catch(({ code }) => code))',
      '// @ts-expect-error -- the address of a node is needed',
      'const missing = () => connectPage({})',
    ]
    const path = join(project, 'use.mts')
    writeFileSync(path, source.join('\n'))
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')]
    const options = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext', '--ignoreConfig']
    await execute(process.execPath, [tsc, ...options, ...types, path], settings)
    expect((await execute(process.execPath, [path], settings)).stdout).toBe('string\nunreachable\n')
  })
})
