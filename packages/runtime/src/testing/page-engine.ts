import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import createModule from 'onnxruntime-web/ort-wasm-simd-threaded.mjs'
import { messageOf, ShoalError, type Clock } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { RemoteCompute } from '../onnx/device.ts'
import type { CallReply, CallRequest, ComputeSettings } from '../onnx/host/compute-calls.ts'
import { decodeFrame, encodeFrame } from '../onnx/host/remote/frames.ts'
import { startRemoteHost, type RemoteEngine } from '../onnx/host/remote/remote-host.ts'
import { createPageEngine } from '../onnx/wasm/page-engine.ts'
import { wasmVersion } from '../onnx/wasm/wasm-files.ts'
import { wasmRuntime } from '../onnx/wasm/wasm-runtime.ts'

/** The engine of a page, in this thread: its messages are encoded as on a socket. */
export interface PageInProcess {
  readonly compute: RemoteCompute
  /** Replaces what the page answers, or ends the page: `lie(reply)` returns the message to send; null for none. */
  lie: (reply: CallReply) => object | null
  /** Sends a message of its own to the host that it serves. */
  say(message: object): void
  close(): void
}

const bounds = { bytesMax: 2 ** 26, headBytesMax: 2 ** 16 }

/** @param clock of the host that watches the page */
export async function createPageInProcess(clock: Clock = systemClock, threads = 1): Promise<PageInProcess> {
  const module = await createModule({ numThreads: threads })
  const runtime = wasmRuntime(module, wasmVersion, threads)
  const ended = new AbortController()
  const end = (error: ShoalError): void => ended.abort(error)
  const page: PageInProcess = {
    lie: (reply) => ({ kind: 'reply', ...reply }),
    say: () => undefined,
    close: () => end(new ShoalError('not-ready', 'the page was closed')),
    compute: { kind: 'browser tab', start: (settings, listener) => start(settings, listener) },
  }
  const start = (
    { manifest, folder }: ComputeSettings,
    listener: Parameters<RemoteCompute['start']>[1],
  ): ReturnType<RemoteCompute['start']> => {
    const take = createPageEngine({
      clock: systemClock,
      random: systemRandom,
      manifest,
      module,
      runtime,
      fetchUnit: async (unit) => new Uint8Array(readFileSync(join(folder, `${unit}.bin`))),
      reply(reply) {
        const message = page.lie(reply)
        if (message === null || ended.signal.aborted) return
        try {
          remote.take(decodeFrame(encodeFrame(message), bounds))
        } catch (error) {
          end(new ShoalError('bad-frame', messageOf(error)))
        }
      },
      nextTurn: () => nextTurn(),
    })
    const engine: RemoteEngine = {
      ended: ended.signal,
      end,
      waitingBytes: () => 0,
      send(message) {
        const { kind, ...request } = decodeFrame(encodeFrame(message), bounds)
        if (kind === 'call') take(request as unknown as CallRequest)
      },
    }
    const remote = startRemoteHost(clock, engine, listener)
    page.say = (message) => void remote.take(decodeFrame(encodeFrame(message), bounds))
    return remote.host
  }
  return page
}
