import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runProgram } from './program.ts'
import { systemRefusal } from './system-error.ts'

const failure = (code: string, path?: string): Error =>
  Object.assign(new Error('refused'), { code, ...(path !== undefined && { path }) })

test.each([
  [failure('EACCES', '/data'), 'bad-request', /^\/data may not be used by this user \(EACCES\)/],
  [failure('EBUSY', '/data'), 'bad-request', /^\/data is in use by another program \(EBUSY\)/],
  [failure('ENOSPC', '/data/x'), 'disk-full', /the disk is full/],
  [failure('ENOSPC'), 'disk-full', /^the disk is full/],
  [failure('ENOENT', '/data'), 'not-found', /does not exist/],
])('%s %s', (error, code, sentence) => {
  expect(systemRefusal(error)).toEqual({ code, sentence: expect.stringMatching(sentence) as string })
})

test.each([[failure('ENOENT')], [failure('EWHATEVER', '/data')], [new Error('a bug')], ['text']])(
  '%s is no refusal',
  (error) => {
    expect(systemRefusal(error)).toBeNull()
  },
)

test('a data directory that is a file gives one clear sentence', async () => {
  const file = fileURLToPath(import.meta.url)
  expect(() => mkdirSync(file, { recursive: true })).toThrow(expect.objectContaining({ code: 'EEXIST' }))
  let err = ''
  let out = ''
  const status = await runProgram(['up', '--model', 'demo', '--json', '--data', file], {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
  })
  expect(status).toBe(1)
  expect(err.trim().split('\n')).toHaveLength(1)
  expect(err).toContain('exists and is not a folder')
  expect(JSON.parse(out)).toMatchObject({ error: { code: 'bad-request' } })
})

test.skipIf(process.platform !== 'linux').each([
  ['up', '--model', 'demo'],
  ['generate', 'Hello', '--model', 'demo', '--local'],
])('a data directory that cannot be made is told in one sentence: %s', async (...words) => {
  let err = ''
  const status = await runProgram([...words, '--json', '--data', '/proc/nope/deeper'], {
    out: () => undefined,
    err: (text) => void (err += text),
  })
  expect(status).toBe(1)
  expect(err).toContain('/proc/nope does not exist')
})
