import { connect } from 'node:net'
import type { Attack, Besieger } from '../attack.ts'
import { besiegersAddress } from './sockets.ts'

/** Sends a request to the target's API from the besiegers' address. @returns the status line; empty for none */
function request(
  besieger: Besieger,
  head: readonly string[],
  body: string,
  read: boolean,
  keepMs: number,
): Promise<string> {
  const { hostname, port } = new URL(besieger.target.api ?? 'http://127.0.0.1:1')
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect({ host: hostname, port: Number(port), localAddress: besiegersAddress })
  socket.on('error', () => resolve(''))
  socket.on('close', () => resolve(''))
  const lines = [...head, `content-length: ${Buffer.byteLength(body)}`, 'content-type: application/json']
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
  if (read) socket.once('data', (data) => resolve(String(data).split('\r\n')[0] ?? ''))
  else socket.pause()
  const end = (): void => {
    socket.destroy()
    resolve('')
  }
  besieger.pause(keepMs).then(end, end)
  return promise
}

/**
 * Keeps `most` connections to the API open, each of which says `first` and then `more` once a second. The target may end
 * them; each is then opened again.
 */
async function holdConnections(besieger: Besieger, most: number, first: string, more: string): Promise<void> {
  const { hostname, port } = new URL(besieger.target.api ?? 'http://127.0.0.1:1')
  const one = (): Promise<void> =>
    besieger.repeat(async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const socket = connect({ host: hostname, port: Number(port), localAddress: besiegersAddress })
      socket.on('error', () => undefined)
      socket.on('data', (data) => besieger.count(String(data).split('\r\n')[0]?.slice(9, 12) ?? ''))
      socket.once('close', resolve)
      besieger.count('connections')
      socket.write(first)
      while (!socket.destroyed && !besieger.over) {
        await Promise.race([promise, besieger.pause(1000)])
        if (more !== '' && socket.writable) socket.write(more)
      }
      socket.destroy()
    }, 20)
  await Promise.all(Array.from({ length: most }, one))
}

const completions = (host: string): readonly string[] => ['POST /v1/completions HTTP/1.1', `host: ${host}`]

export const apiAttacks: readonly Attack[] = [
  {
    name: 'api-streams',
    about: 'asks for streams over the HTTP API and reads none of them',
    async run(besieger) {
      const host = new URL(besieger.target.api ?? 'http://127.0.0.1:1').host
      const body = JSON.stringify({ model: 'demo', prompt: 'Once', max_tokens: 400, stream: true })
      const one = (): Promise<void> =>
        besieger.repeat(async () => {
          await request(besieger, completions(host), body, false, 5000)
          besieger.count('streams')
        })
      await Promise.all(Array.from({ length: 32 }, one))
    },
  },
  {
    name: 'api-connections',
    about:
      'keeps 600 connections to the HTTP API: idle ones, heads and bodies that never end, and heads of 64 KiB',
    async run(besieger) {
      const host = new URL(besieger.target.api ?? 'http://127.0.0.1:1').host
      const head = completions(host).join('\r\n')
      const slowBody = `${head}\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n{"prompt": "`
      const flood = `${head}\r\n${`x-${'a'.repeat(60)}: ${'b'.repeat(60)}\r\n`.repeat(512)}\r\n`
      await Promise.all([
        holdConnections(besieger, 300, '', ''),
        holdConnections(besieger, 100, `${head}\r\nx-slow: `, 'a'),
        holdConnections(besieger, 190, slowBody, 'a'),
        holdConnections(besieger, 10, flood, ''),
      ])
    },
  },
  {
    name: 'api-prompts',
    about: 'sends long prompts, foreign Host names and broken requests to the HTTP API',
    async run(besieger) {
      const host = new URL(besieger.target.api ?? 'http://127.0.0.1:1').host
      const long = JSON.stringify({ model: 'demo', prompt: 'ab '.repeat(300_000), max_tokens: 1 })
      const one = (): Promise<void> =>
        besieger.repeat(async () => {
          const answers = [
            await request(besieger, completions(host), long, true, 10_000),
            await request(besieger, completions('evil.example'), '{}', true, 10_000),
            await request(besieger, completions(host), '{"prompt": ', true, 10_000),
          ]
          for (const answer of answers) besieger.count(answer.slice(9, 12) || 'no answer')
        }, 10)
      await Promise.all([one(), one()])
    },
  },
]
