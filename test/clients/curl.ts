import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { demoAnswer, demoQuestion } from './demo.ts'

const run = promisify(execFile)
const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
)

/** The requests that documentation shows, by the program with which people try them. */
export function testCurl(api: () => string): void {
  describe.skipIf(!hasCurl)('curl (where it is installed)', () => {
    const ask = async (more: object): Promise<string> => {
      const body = {
        model: 'demo',
        messages: [{ role: 'user', content: demoQuestion }],
        temperature: 0,
        ...more,
      }
      const headers = ['-H', 'content-type: application/json']
      const url = `${api()}/v1/chat/completions`
      return (await run('curl', ['-sSN', ...headers, '-d', JSON.stringify(body), url])).stdout
    }

    it('chats', async () => {
      expect(JSON.parse(await ask({}))).toMatchObject({ choices: [{ message: { content: demoAnswer } }] })
    })

    it('streams', async () => {
      const events = (await ask({ stream: true })).split('\n').filter((line) => line.startsWith('data: '))
      expect(events.pop()).toBe('data: [DONE]')
      const texts = events.map((line) => {
        const { choices } = JSON.parse(line.slice('data: '.length)) as {
          choices: { delta: { content?: string } }[]
        }
        return choices[0]?.delta.content ?? ''
      })
      expect(texts.join('')).toBe(demoAnswer)
    })
  })
}
