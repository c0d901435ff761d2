import { messageOf, seededRandom } from '@shoal/host'
import type { Manifest } from '@shoal/model'
import {
  createPageEngine,
  decodeFrame,
  encodeFrame,
  timeBlock,
  wasmRuntime,
  wasmVersion,
  type CallReply,
  type CallRequest,
  type CreateOrtModule,
} from '@shoal/runtime/browser'
import { tabProtocol, type FromTab, type TabNews, type ToTab } from '../messages.ts'
import type { FromWorker, ToWorker } from './lend-state.ts'
import { workerClock, nextTurn } from './worker-clock.ts'

/** The node is the one whose page this is: its frames are as large as it says. */
const bounds = { bytesMax: 2 ** 30, headBytesMax: 2 ** 28 }

const post = (word: FromWorker): void => postMessage(word)

/** Serves for a tab until the socket closes. */
class Lending {
  readonly #token: string
  readonly #memoryBytes: number
  readonly #blocks: readonly [number, number] | null
  readonly #threads: number
  #socket: WebSocket | null = null
  #take: ((request: CallRequest) => void) | null = null
  #manifest: Manifest | null = null
  #asked = false
  #rows = 0
  #calls = 0
  #weightBytes = 0
  /** Rows of calls that are under way. */
  readonly #under = new Map<number, number>()

  constructor({ token, memoryBytes, blocks, threads }: Extract<ToWorker, { kind: 'start' }>) {
    this.#token = token
    this.#memoryBytes = memoryBytes
    this.#blocks = blocks
    this.#threads = threads
  }

  start(): void {
    post({ kind: 'step', step: 'connecting' })
    const address = new URL('/lend/socket', location.href)
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = new WebSocket(address, [tabProtocol, this.#token])
    socket.binaryType = 'arraybuffer'
    this.#socket = socket
    socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
      this.#heard(decodeFrame(new Uint8Array(data), bounds))
    })
    socket.addEventListener('close', ({ reason, code }) => {
      // Browsers do not tell why a connection was refused, only that none was made.
      const unknown =
        code === 1006
          ? 'the node refused this tab, or is not reachable: its link may be of an earlier start'
          : ''
      post({ kind: 'over', reason: reason || unknown || 'the node has ended it', asked: this.#asked })
    })
  }

  stop(): void {
    this.#asked = true
    if (this.#take === null) this.#socket?.close()
    else this.#send({ kind: 'leave' })
  }

  #heard(message: Readonly<Record<string, unknown>>): void {
    switch (message['kind']) {
      case 'beat':
        this.#send({ kind: 'beat' })
        return
      case 'call':
        this.#call(message)
        return
      case 'welcome':
        void this.#welcomed(message as Extract<ToTab, { kind: 'welcome' }>).catch((error: unknown) => {
          post({
            kind: 'news',
            news: { phase: 'failed', peer: null, blocks: null, sessions: 0, reason: messageOf(error) },
            model: this.#manifest?.name ?? '',
            blockCount: 0,
          })
          this.#socket?.close()
        })
        return
      case 'news': {
        const news = message as unknown as TabNews
        const { name = '', config } = this.#manifest ?? {}
        post({ kind: 'news', news, model: name, blockCount: config?.blockCount ?? 0 })
        return
      }
      default:
        throw new Error(`the node sent ${String(message['kind'])}, which this page does not know: reload it`)
    }
  }

  #call(message: Readonly<Record<string, unknown>>): void {
    const request = message as unknown as CallRequest
    const { id, name, arguments: fields } = request
    if (name === 'forward' && fields !== null && 'hidden' in fields)
      this.#under.set(id, fields.hidden.length / (this.#manifest?.config.hiddenSize ?? 1))
    this.#take?.(request)
  }

  /** Fetches the engine, times a block and makes the offer. */
  async #welcomed({
    manifest,
    weightsToken,
    memoryBytesMax,
  }: Extract<ToTab, { kind: 'welcome' }>): Promise<void> {
    this.#manifest = manifest
    post({ kind: 'step', step: 'fetching' })
    const script = '/lend/files/onnxruntime.mjs'
    const { default: createModule } = (await import(/* @vite-ignore */ script)) as {
      default: CreateOrtModule
    }
    const threads = this.#threads
    const module = await createModule({
      numThreads: threads,
      locateFile: () => '/lend/files/onnxruntime.wasm',
    })
    post({ kind: 'engine', threads })
    post({ kind: 'step', step: 'timing' })
    const runtime = wasmRuntime(module, wasmVersion, threads)
    const speed = timeBlock(workerClock, manifest, runtime)
    this.#take = createPageEngine({
      clock: workerClock,
      random: seededRandom(1),
      manifest,
      module,
      runtime,
      fetchUnit: (unit) => this.#fetchUnit(unit, weightsToken),
      reply: (reply) => this.#reply(reply),
      nextTurn,
    })
    const memoryBytes = Math.min(this.#memoryBytes, memoryBytesMax)
    this.#send({ kind: 'offer', memoryBytes, threads, blocks: this.#blocks, ...speed })
  }

  async #fetchUnit(unit: string, weightsToken: string): Promise<Uint8Array> {
    const response = await fetch(`/lend/units/${unit}`, {
      headers: { authorization: `Bearer ${weightsToken}` },
    })
    if (!response.ok) throw new Error(`the node did not give the weights of ${unit}: ${response.status}`)
    const bytes = new Uint8Array(await response.arrayBuffer())
    this.#weightBytes += bytes.length
    return bytes
  }

  #reply(reply: CallReply): void {
    this.#rows += 'result' in reply ? (this.#under.get(reply.id) ?? 0) : 0
    if (this.#under.delete(reply.id)) this.#calls += 1
    this.#send({ kind: 'reply', ...reply })
    post({ kind: 'work', rows: this.#rows, calls: this.#calls, weightBytes: this.#weightBytes })
  }

  #send(message: FromTab | ({ readonly kind: 'reply' } & CallReply) | { readonly kind: 'beat' }): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(encodeFrame(message))
  }
}

let lending: Lending | null = null
addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === 'stop') lending?.stop()
  else {
    lending = new Lending(data)
    lending.start()
  }
})
