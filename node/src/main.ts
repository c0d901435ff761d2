#!/usr/bin/env node
import { runProgram } from './cli/program.ts'

// A reader that stops reading (`| head`) ends us, as it does any other filter.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await runProgram(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
})
