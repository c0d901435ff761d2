import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'

const program = `
  import { endWhenReaderIsGone } from ${JSON.stringify(new URL('reader-gone.ts', import.meta.url).href)}
  endWhenReaderIsGone()
  setInterval(() => process.stdout.write('a line\\n'.repeat(10000)), 1)
`

it('ends a program with status 0 and without a stack when its reader has gone', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (errors += text))
  await once(child.stdout, 'data')
  child.stdout.destroy()
  const [status] = await once(child, 'exit')
  expect(status).toBe(0)
  expect(errors).toBe('')
})
