import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test, vi } from 'vitest'
import { createProgram, runProgram } from './program.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

async function run(line: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const status = await runProgram(line, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { status, out, err }
}

const silent = { out: () => undefined, err: () => undefined }
const commands = createProgram(silent).commands.map((command) => command.name())

test('the program has all commands of the contract', () => {
  expect(commands).toEqual(
    expect.arrayContaining([
      'up',
      'rank',
      'generate',
      'chat',
      'serve',
      'status',
      'plan',
      'sim',
      'swarm',
      'bench',
      'model',
      'doctor',
      'start',
    ]),
  )
})

test.each(commands)('%s --help exits 0 and every option has a description', async (name) => {
  const { status, out, err } = await run([name, '--help'])
  expect([status, err]).toEqual([0, ''])
  expect(out).toContain(`Usage: shoal ${name}`)
  const command = createProgram(silent).commands.find((candidate) => candidate.name() === name)
  for (const option of command?.options ?? []) expect(option.description, option.flags).not.toBe('')
})

test.each(commands.filter((name) => name !== 'model' && name !== 'start'))(
  '%s takes --json and shows an example',
  async (name) => {
    const { out } = await run([name, '--help'])
    expect(out).toContain('--json')
    expect(out).toMatch(/Examples:\n {2}\$ shoal /)
  },
)

test('--help shows start with the other commands, --version prints the version', async () => {
  expect((await run(['--help'])).out).toMatch(/^ {2}start/m)
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(await run(['--version'])).toEqual({ status: 0, out: `${version}\n`, err: '' })
})

test.each([
  ['', /Usage: shoal/],
  ['swim', /unknown command 'swim'/],
  ['generat hello', /Did you mean generate/],
  ['up --modle demo', /unknown option '--modle'.*\n.*Did you mean --model/],
  ['up', /--model REF to create a swarm, --join .*--lan/],
  ['up --model demo --memory lots', /'lots' is not a size; write for example 4GiB/],
  ['up --model demo --blocks 4', /START:END/],
  ['up --model demo --blocks 4:4', /START < END/],
  ['rank', /--model REF, or --join MULTIADDR/],
  ['up --model demo --draft demo-draft', /--draft proposes tokens for the answers of the API: give --api/],
  ['up --model demo --api-origins https://a.example,null', /"\*" and "null" would let every page in/],
  ['up --model demo --api-origins *', /It should be origins such as/],
  ['up --model demo --split 2,1', /--spare and --split belong to --rank/],
  ['up --model demo --rank /ip4/127.0.0.1/tcp/1 --split 2,x', /positive numbers with commas/],
  ['up --model demo --rank 192.168.1.5', /multiaddr such as/],
  ['up --model demo --device tpu', /Allowed choices are auto, cpu/],
  ['up --model demo --device cuda', /--device cuda is not supported yet/],
  ['up --model demo --join 192.168.1.5', /multiaddr such as/],
  ['status --join /ip4/192.168.1.5/tcp/4001/p2p/12D3Koo…', /'12D3Koo…' is not a complete peer id/],
  ['up --model demo --kv f16', /Allowed choices are f32, int8/],
  ['up --model demo --threads 0', /whole number from 1/],
  ['up --model demo --api 0.0.0.0:8090', /add --api-key KEY, or --api-open/],
  ['up --model demo --api [::]:8090', /add --api-key KEY/],
  ['up --model demo --api localhost', /HOST:PORT/],
  ['up --model demo --api localhost:99999', /HOST:PORT/],
  ['up --model demo --log-level loud', /Allowed choices are debug, info/],
  ['generate', /which model\?/],
  ['generate hello --prompt-ids 1 --model demo', /either PROMPT, also as standard input, or --prompt-ids/],
  ['generate --prompt-ids 1,x --model demo', /token ids with commas/],
  ['generate hello', /which model\?/],
  ['generate hello world --model demo', /give one PROMPT/],
  ['generate hello --model demo --local --join /ip4/1.2.3.4/tcp/1', /choose one of them/],
  [
    'generate hello --model demo --placement thin',
    /--placement thin lets a peer compute embedding and head: give --join too/,
  ],
  [
    'generate hello --model demo --wire int8',
    /--wire says how hidden states travel between peers: give --join too/,
  ],
  ['generate hello --join /ip4/1.2.3.4/tcp/1 --wire int4', /Allowed choices are f32, f16, int8/],
  ['generate hello --model demo --temperature hot', /number from 0 to 100/],
  ['generate hello --model demo --top-p 2', /number from 0 to 1/],
  ['generate hello --model demo --seed -1', /whole number from 0 to 4294967295/],
  ['generate hello --model demo --max-tokens 1.5', /whole number/],
  ['generate hello --join /ip4/1.2.3.4/tcp/1 --kv int8', /--kv is chosen when a swarm is created/],
  ['serve --model demo --api 192.168.1.5:80', /lets other machines in/],
  ['status --data no/node/runs/here', /--join MULTIADDR/],
  ['swarm', /--model REF/],
  ['bench everything', /'everything' is invalid for argument 'NAME'. Allowed choices are decode, prefill/],
  ['bench gramar', /Did you mean grammar\? Allowed choices/],
  ['help strat', /unknown command 'strat'\n\(Did you mean start\?\)/],
  ['up --model demo --memory 8', /without a unit is bytes: write 8GiB or 8MiB/],
  ['sim', /missing required argument 'SCENARIO'/],
  ['plan --model demo', /required option '--devices <FILE>' not specified/],
  ['model', /Usage: shoal model/],
])('bad usage: shoal %s', async (line, sentence) => {
  const { status, out, err } = await run(line === '' ? [] : line.split(' '))
  expect(status).toBe(2)
  expect(err).toMatch(sentence)
  expect(out).toBe('')
})

test.each([
  ['model inspect no/such', /there is no folder 'no\/such'; on the hub: HF_ENDPOINT should be a URL/],
  ['model pull ./no/such', /there is no folder .\/no\/such/],
  [
    'swarm --model demo --shape wifi.json',
    /wifi.json is neither a readable shape file nor one of the named shapes lan, home-wifi, two-sites/,
  ],
  ['swarm --model demo --shape lan --processes 33', /at most 32 nodes/],
  ['swarm --model demo --script chaos.json', /the script chaos.json cannot be read/],
])('failure: shoal %s exits 1 with a sentence and no stack', async (line, sentence) => {
  vi.stubEnv('HF_ENDPOINT', 'nowhere')
  const { status, err } = await run(line.split(' '))
  expect(status).toBe(1)
  expect(err).toMatch(sentence)
  expect(err.trim().split('\n')).toHaveLength(1)
})

test('under --json a failure is one object on the last line of stdout', async () => {
  vi.stubEnv('HF_ENDPOINT', 'nowhere')
  const failed = await run(['model', 'pull', 'org/name', '--json'])
  expect(JSON.parse(failed.out)).toEqual({
    error: { code: 'bad-request', message: expect.any(String) as string },
  })
  const misused = await run(['generate', 'hi', '--prompt-ids', '1', '--model', 'demo', '--json'])
  expect([misused.status, JSON.parse(misused.out)]).toEqual([
    2,
    {
      error: {
        code: 'bad-usage',
        message: 'give either PROMPT, also as standard input, or --prompt-ids IDS',
      },
    },
  ])
  const unknown = await run(['up', '--modle', 'demo', '--json'])
  expect([unknown.status, JSON.parse(unknown.out)]).toEqual([
    2,
    { error: { code: 'bad-usage', message: expect.stringContaining("unknown option '--modle'") as string } },
  ])
})

test('bench without a name lists the benches', async () => {
  const { status, err } = await run(['bench'])
  expect([status, err]).toEqual([0, ''])
})

test('the launcher starts the program', () => {
  const launcher = fileURLToPath(new URL('../../bin/shoal.js', import.meta.url))
  const result = spawnSync(process.execPath, [launcher, 'generate', '--model', 'demo'], { encoding: 'utf8' })
  expect([result.status, result.stderr]).toEqual([
    2,
    'shoal: give either PROMPT, also as standard input, or --prompt-ids IDS\n',
  ])
})
