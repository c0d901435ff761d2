#!/usr/bin/env node
import { keepCompiledCode } from '@shoal/host/compile-cache'

// Before anything that takes long to compile is imported.
keepCompiledCode()

// A reader that stops reading (`| head`, a parent that was killed) is no error; what it means for a running command is
// decided in its context.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

const { runProgram } = await import('./cli/program.ts')
process.exitCode = await runProgram(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
})
