#!/usr/bin/env node
import { keepCompiledCode } from '@shoal/host/compile-cache'
import { restartOf } from '@shoal/host/allocator'

// The allocator reads its setting when a process starts: the same program takes the place of this process, once, with its id,
// its streams and its arguments (docs/decisions/0040-freed-weights-go-back-to-the-system.md).
const { platform, env, execPath, execArgv, argv, channel } = process
const again = restartOf({ platform, env, execPath, execArgv, argv, hasChannel: channel !== undefined })
if (again !== null) process.execve?.(execPath, [...again.args], { ...again.env })

// Must precede all imports that take long to compile.
keepCompiledCode()

// A reader that stops reading (`| head`, a killed parent) is not an error; the command's context decides what follows. A file
// on a full disk takes nothing more, until there is room again: a node goes on.
const tolerated = new Set(['EPIPE', 'ENOSPC', 'EDQUOT', 'EIO'])
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (!tolerated.has(error.code ?? '')) throw error
  })
}

const { runProgram } = await import('./cli/program.ts')
process.exitCode = await runProgram(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
})
