#!/usr/bin/env node
import { runProgram } from './cli/program.ts'

// A reader that stops reading (`| head`, a parent that was killed) is no error; what it means for a running command is
// decided in its context.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

process.exitCode = await runProgram(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
})
