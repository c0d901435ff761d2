import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { seededRandom, sleep, timeLimit } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { FuzzFinding } from '../fuzz-decoders.ts'
import { mutateRequest } from './mutate-request.ts'

export interface HttpFuzzReport {
  readonly inputs: number
  /** Answers by status; `none` where the server closed the connection, or waited for the rest of a request. */
  readonly statuses: ReadonlyMap<string, number>
  readonly findings: readonly FuzzFinding[]
}

export interface HttpFuzzOptions {
  readonly seed: number
  /** Base of the API of a real node. */
  readonly api: string
  /** Called between inputs; the run ends when it returns false. */
  readonly goesOn: (inputs: number) => boolean
}

/** An answer begins within this time: a whole prompt of the demo model takes less, on a busy machine too. */
const answerMs = 20_000
/** A request without an answer after this time may be half a one. */
const patienceMs = 250
/** The server must answer an honest request within this time, after every so many damaged ones. */
const honestMs = 5000
const honestEach = 200
/** Requests at once: fewer than the API has places. */
const width = 8
const findingsMax = 10

/** The kept requests: one of every kind, and inputs that have once broken something. `HOST` stands for the server. */
export function readRequests(): readonly string[] {
  const text = readFileSync(new URL('../corpus/requests.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly http: readonly string[] }).http
}

/** Sends damaged requests to the API of a running node. A seed repeats the inputs. */
export async function fuzzHttp({ seed, api, goesOn }: HttpFuzzOptions): Promise<HttpFuzzReport> {
  const random = seededRandom(seed)
  const { host, hostname, port } = new URL(api)
  const requests = readRequests().map((request) => request.replaceAll('HOST', host))
  const statuses = new Map<string, number>()
  const findings: FuzzFinding[] = []
  let inputs = 0
  const found = (input: string, what: string): void => {
    findings.push({ decoder: 'http', inputHex: Buffer.from(input, 'latin1').toString('hex'), what })
  }
  const one = async (): Promise<void> => {
    while (findings.length < findingsMax && goesOn(inputs)) {
      inputs += 1
      const [text, other] = [random, random].map((from) => requests[from.uint32() % requests.length] ?? '')
      const input = mutateRequest(text!, random, other!)
      const answer = await send({ host: hostname, port: Number(port) }, input)
      statuses.set(answer, (statuses.get(answer) ?? 0) + 1)
      const what = judgeAnswer(answer)
      if (what !== null) found(input, what)
      if (inputs % honestEach === 0 && !(await isWell(api))) {
        found(input, 'no honest request was answered after it')
        return
      }
    }
  }
  await Promise.all(Array.from({ length: width }, one))
  if (!(await isWell(api))) found('', 'no honest request was answered at the end')
  return { inputs, statuses, findings }
}

/** What is wrong with an answer; null for one that a damaged request may get. */
export function judgeAnswer(status: string): string | null {
  if (status === 'late') return `no answer within ${answerMs} ms`
  if (status === 'none') return null
  if (!/^[1-5]\d\d$/.test(status)) return `the answer begins with '${status}'`
  // 503 says that nobody holds some of the blocks now.
  return Number(status) >= 500 && !['501', '503', '505'].includes(status) ? `status ${status}` : null
}

async function isWell(api: string): Promise<boolean> {
  const limit = timeLimit(systemClock, honestMs, () => new Error('no answer'))
  try {
    return (await fetch(`${api}/v1/models`, { signal: limit.signal, headers: { connection: 'close' } })).ok
  } catch {
    return false
  } finally {
    limit.clear()
  }
}

/** @returns the status of the first answer, `none` or `late` */
function send(place: { readonly host: string; readonly port: number }, input: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect(place)
  const ended = new AbortController()
  socket.on('error', () => resolve('none'))
  socket.on('close', () => resolve('none'))
  socket.once('data', (data) => {
    const first = data.toString('latin1')
    resolve(/^HTTP\/1\.1 (\d\d\d)/.exec(first)?.[1] ?? first.slice(0, 20))
  })
  socket.write(Buffer.from(input, 'latin1'))
  const wait = async (): Promise<void> => {
    await sleep(systemClock, patienceMs, ended.signal)
    // The server may wait for the rest of a request, which the end of the stream says will not come.
    socket.end()
    await sleep(systemClock, answerMs, ended.signal)
    resolve('late')
  }
  wait().catch(() => undefined)
  return promise.finally(() => {
    ended.abort(new Error('answered'))
    socket.destroy()
  })
}
