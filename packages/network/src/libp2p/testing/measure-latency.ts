/**
 * Round trips over two processes on this machine, over streams without and with the speed-ups and over sockets of their own, in
 * interleaved rounds:
 *
 *   node packages/network/src/libp2p/testing/measure-latency.ts
 *
 * Prints the median and the 90th percentile in microseconds. Not a test: the figures are this machine's.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { Channel } from '../../transport.ts'
import { createLibp2pTransport } from '../create-transport.ts'
import { createPeerKey } from '../keys.ts'

const sizes = [64, 4096, 8192, 65_536, 1 << 20]
const rounds = 8
const roundTripsOf = (size: number): number => (size < 1 << 20 ? 150 : 10)

interface Side {
  readonly name: string
  readonly child: ChildProcess
  readonly channel: Channel
  readonly samplesUs: Map<number, number[]>
}

async function createSide(name: 'without' | 'with' | 'direct'): Promise<Side> {
  const script = fileURLToPath(new URL('./peer-process.ts', import.meta.url))
  const child = spawn(process.execPath, [script, name], { stdio: ['pipe', 'pipe', 'inherit'] })
  const address = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve))
  const transport = await createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock: systemClock,
    logger: silentLogger,
    speedUps: name !== 'without',
    listen: [],
    ...(name === 'direct' ? { direct: { protocols: ['/echo/1'], random: systemRandom } } : {}),
  })
  const signal = AbortSignal.timeout(20_000)
  const channel = await transport.open(await transport.dial(address, { signal }), '/echo/1', { signal })
  return { name, child, channel, samplesUs: new Map(sizes.map((size) => [size, []])) }
}

async function measure(side: Side, size: number): Promise<void> {
  const frame = new Uint8Array(size)
  for (let turn = 0; turn < roundTripsOf(size); turn += 1) {
    const startMs = systemClock.nowMs()
    const answered = new Promise((resolve) => side.channel.onFrame(resolve))
    await side.channel.send(frame)
    await answered
    side.samplesUs.get(size)?.push((systemClock.nowMs() - startMs) * 1000)
  }
}

const quantile = (sorted: readonly number[], share: number): string =>
  (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(0)

const sides = [await createSide('without'), await createSide('with'), await createSide('direct')]
try {
  for (let round = -1; round < rounds; round += 1) {
    for (const size of sizes) {
      for (const side of sides) {
        await measure(side, size)
        // The first round warms the compiler and the connection.
        if (round < 0) side.samplesUs.set(size, [])
      }
    }
  }
  for (const size of sizes) {
    const figures = sides.map(({ name, samplesUs }) => {
      const sorted = (samplesUs.get(size) ?? []).sort((a, b) => a - b)
      return `${name}: p50 ${quantile(sorted, 0.5)} µs, p90 ${quantile(sorted, 0.9)} µs`
    })
    process.stdout.write(`${String(size).padStart(8)} B   ${figures.join('   ')}\n`)
  }
} finally {
  for (const { child } of sides) child.kill('SIGKILL')
}
process.exit(0)
