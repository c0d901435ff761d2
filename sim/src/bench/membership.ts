import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describeMachine } from './machine.ts'
import { medians, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'

const program = fileURLToPath(new URL('../../../packages/membership/src/figures/program.ts', import.meta.url))

/** Bytes and times of membership on the memory network in virtual time, in a process of their own. */
export async function benchMembership(settings: BenchSettings): Promise<BenchReport> {
  const samples: Record<string, number[]> = {}
  const child = spawn(process.execPath, [program, String(settings.rounds)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const end = (): void => void child.kill()
  process.once('exit', end)
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  for await (const line of createInterface({ input: child.stdout })) {
    const { metric, value } = JSON.parse(line) as { metric: string; value: number }
    ;(samples[metric] ??= []).push(value)
    settings.report(`${metric} ${value}`)
  }
  const code = await ended
  process.off('exit', end)
  if (code !== 0) throw new Error(`the figures of membership ended with ${code}`)
  return {
    name: 'membership',
    machine: describeMachine(),
    model: 'none',
    settings: { rounds: settings.rounds, profile: 'lan', linkMs: 1, documentUpdates: 100_000, documentPeers: 100, documentRestarts: 1000 },
    samples,
    median: medians(samples),
    notes: [
      'memory network and virtual time: frames are counted without encryption and TCP, and no processor makes anybody late',
      'detectionMs: a killed peer, whose connections break, until all of 15 hold it dead; detectionMsSilent: one that falls silent, which its lease decides',
      'healMs: 8 + 8 peers apart for 20 s, until all hold all alive in one snapshot; nearly all of it is the wait for the next turn',
      'documentBytes: replicas with all checks, without a network in between; 20 links in each record',
    ],
  }
}
