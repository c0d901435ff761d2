import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { SwarmStatus } from '@shoal/swarm'

const program = fileURLToPath(new URL('../bin/shoal.js', import.meta.resolve('shoal/node-process')))

/** Runs `shoal status --join ADDRESS --json`. @throws {Error} with its log when it fails */
export function askStatus(address: string, dataFolder: string): Promise<SwarmStatus> {
  const child = spawn(
    process.execPath,
    [program, 'status', '--json', '--join', address, '--data', dataFolder],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as SwarmStatus)
      else reject(new Error(`shoal status ended with ${code}: ${stderr}`))
    })
  })
}
