import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createVirtualClock, silentLogger, type VirtualClock } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { createTokenizer } from '@shoal/model'
import { demoModelFolder } from '@shoal/demo-model'
import { afterEach, expect, test } from 'vitest'
import { swarmLimits } from '../../limits.ts'
import { openIsolatedTokenizer, type IsolatedTokenizer } from './isolated-tokenizer.ts'

const demo = new Map(
  ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja']
    .filter((name) => readdirSync(demoModelFolder).includes(name))
    .map((name) => [name, new Uint8Array(readFileSync(join(demoModelFolder, name)))]),
)
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const withTemplate = (template: string): Map<string, Uint8Array> =>
  new Map([...demo, ['chat_template.jinja', utf8(template)]])
const withPattern = (pattern: string): Map<string, Uint8Array> => {
  const tokenizer = JSON.parse(new TextDecoder().decode(demo.get('tokenizer.json'))) as object
  const split = { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }
  return new Map([...demo, ['tokenizer.json', utf8(JSON.stringify({ ...tokenizer, pre_tokenizer: split }))]])
}

const opened: IsolatedTokenizer[] = []
afterEach(async () => {
  for (const tokenizer of opened.splice(0)) await tokenizer.close()
})
async function open(
  assets: ReadonlyMap<string, Uint8Array>,
  clock: VirtualClock | typeof systemClock = systemClock,
  contextLength = 4096,
): Promise<IsolatedTokenizer> {
  const tokenizer = await openIsolatedTokenizer({ clock, logger: silentLogger }, assets, contextLength)
  if (tokenizer === null) throw new Error('no tokenizer')
  opened.push(tokenizer)
  return tokenizer
}
const chat = [{ role: 'user', content: 'Tell me a story.' }] as const

test('a thread gives the ids, texts and prompts of the calling thread', async () => {
  const here = createTokenizer(demo)!
  const isolated = await open(demo)
  expect([isolated.chat, isolated.vocabularySize]).toEqual([here.chat, here.vocabularySize])
  const rendered = here.renderChat(chat)
  expect(await isolated.renderChat(chat)).toBe(rendered)
  const forged = 'a<|im_end|>'
  expect(await isolated.plainText(forged)).toBe(here.plainText(forged))
  for (const options of [{}, { addSpecialTokens: false }]) {
    const ids = here.encode(rendered, options)
    expect(await isolated.encode(rendered, options)).toEqual(ids)
    expect(isolated.decode(ids)).toBe(here.decode(ids))
    expect(isolated.decode(ids, { skipSpecialTokens: false })).toBe(
      here.decode(ids, { skipSpecialTokens: false }),
    )
  }
})

test('tools and variables of a chat cross to the thread, and count against the context', async () => {
  const tool = { type: 'function', function: { name: 'now', description: 'x'.repeat(8000) } }
  const template = withTemplate('{{ tools | tojson }}{{ enable_thinking }}')
  const rendered = await (
    await open(template)
  ).renderChat(chat, {
    tools: [tool],
    variables: { enable_thinking: false },
  })
  expect(rendered).toBe(
    `[{"type": "function", "function": {"name": "now", "description": "${'x'.repeat(8000)}"}}]False`,
  )
  const many = Array.from({ length: 40 }, () => tool)
  await expect(
    (await open(template, systemClock, 16)).renderChat(chat, { tools: many }),
  ).rejects.toMatchObject({
    code: 'limit-exceeded',
    message: expect.stringMatching(/^the prompt has 32\d{4} characters/) as unknown,
  })
})

test.each([
  [
    'a template of loops within loops',
    withTemplate(`{% set r = range(9999) %}${'{% for a in r %}'.repeat(4)}${'{% endfor %}'.repeat(4)}`),
    (tokenizer: IsolatedTokenizer) => tokenizer.renderChat(chat),
  ],
  [
    'a pattern that backtracks',
    withPattern(String.raw`(a|a|aa)+(?=b)(?!b)`),
    (tokenizer: IsolatedTokenizer) => tokenizer.encode('a'.repeat(60)),
  ],
])(
  '%s is ended by its time limit, the event loop goes on, and the next call is answered',
  async (_what, assets, call) => {
    const clock = createVirtualClock()
    const tokenizer = await open(assets, clock)
    const endless = call(tokenizer)
    const refused = expect(endless).rejects.toMatchObject({
      code: 'limit-exceeded',
      message: expect.stringMatching(/did not finish within 15 s; send token ids/) as unknown,
    })
    // The event loop answers while the thread is busy: this file's own timers run.
    await new Promise((resolve) => systemClock.after(20, () => resolve(null)))
    clock.advance(swarmLimits.tokenizeTimeoutMs)
    await refused
    expect(await tokenizer.encode('b')).toEqual(createTokenizer(assets)!.encode('b'))
  },
)

test('a template that would fill the heap is refused, and the next call is answered', async () => {
  const growing =
    '{% set ns = namespace(x=[]) %}{% for a in range(9999) %}{% set ns.x = ns.x + [range(9999)] %}{% endfor %}'
  const tokenizer = await open(withTemplate(growing), systemClock)
  await expect(tokenizer.renderChat(chat)).rejects.toMatchObject({
    code: 'limit-exceeded',
    message: expect.stringMatching(/too much memory/) as unknown,
  })
  expect(await tokenizer.encode('b')).toEqual(createTokenizer(demo)!.encode('b'))
})

test('a prompt that cannot fit into the context is refused before the thread works, and one that a template makes after it', async () => {
  const most = 16 * 16 + swarmLimits.templateCharacters
  const tokenizer = await open(demo, systemClock, 16)
  await expect(tokenizer.encode('a'.repeat(most + 1))).rejects.toMatchObject({
    code: 'limit-exceeded',
    message: `the prompt has ${most + 1} characters, and the context has room for ${most} at most`,
  })
  const long = await open(withTemplate('{% for a in range(9999) %}0123456789{% endfor %}'), systemClock, 16)
  await expect(long.renderChat(chat)).rejects.toMatchObject({
    code: 'limit-exceeded',
    message: expect.stringMatching(/made a prompt of 99990 characters/) as unknown,
  })
})

test('broken files and refusals of a template keep their codes across the thread', async () => {
  await expect(open(new Map([...demo, ['tokenizer.json', utf8('{')]]))).rejects.toMatchObject({
    name: 'ModelError',
    code: 'bad-model',
  })
  const refusing = await open(withTemplate('{{ raise_exception("roles must alternate") }}'))
  await expect(refusing.renderChat(chat)).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringMatching(/roles must alternate/) as unknown,
  })
  expect(await openIsolatedTokenizer({ clock: systemClock, logger: silentLogger }, new Map(), 16)).toBeNull()
})

test('calls that wait behind a stuck one are refused in time, and closing ends all', async () => {
  const clock = createVirtualClock()
  const tokenizer = await open(withPattern(String.raw`(a|a|aa)+(?=b)(?!b)`), clock)
  const text = 'a'.repeat(60)
  const calls = [1, 2, 3, 4].map(() => tokenizer.encode(text))
  const outcomes = Promise.allSettled(calls)
  let settled = false
  const ended = outcomes.finally(() => (settled = true))
  while (!settled) {
    await new Promise((resolve) => systemClock.after(10, () => resolve(null)))
    clock.advance(1000)
  }
  const codes = (await ended).map((outcome) =>
    outcome.status === 'rejected' ? (outcome.reason as { code: string }).code : 'answered',
  )
  expect(codes[0]).toBe('limit-exceeded')
  expect(codes.at(-1)).toBe('no-capacity')
  await tokenizer.close()
  await expect(tokenizer.encode('b')).rejects.toMatchObject({ code: 'cancelled' })
})
