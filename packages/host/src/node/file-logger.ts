import { Writable } from 'node:stream'
import pino from 'pino'
import { messageOf } from '../errors.ts'
import type { LogFields, Logger, LogLevel } from '../logger.ts'
import { readableLine } from './log-line.ts'
import { SteadyFile } from './steady-file.ts'

export interface FileLoggerOptions {
  readonly level: LogLevel
  /** Path of a rotating file of JSON lines; no file is written when absent. */
  readonly file?: string
  /** Readable lines on standard error, or on a stream of the caller's. */
  readonly stderr: boolean | NodeJS.WritableStream
}

export interface FileLogger extends Logger {
  /** Writes what is buffered and closes the file. */
  close(): Promise<void>
}

/** One readable line per event on stderr, one JSON object per event in a rotating file. */
export function createFileLogger(options: FileLoggerOptions): FileLogger {
  const streams: { stream: pino.DestinationStream; level: 'debug' }[] = []
  if (options.stderr !== false)
    streams.push({
      stream: readable(options.stderr === true ? process.stderr : options.stderr),
      level: 'debug',
    })
  const file = options.file === undefined || options.level === 'silent' ? null : openFile(options.file)
  if (file !== null) streams.push({ stream: file, level: 'debug' })
  const root = pino(
    {
      level: options.level,
      base: null,
      messageKey: 'event',
      serializers: { error: describeError },
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.multistream(streams),
  )
  return { ...wrap(root), close: () => file?.close() ?? Promise.resolve() }
}

/**
 * The file keeps where a bug was; the readable line shows the sentence. Expected failures have a code and need no
 * stack.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = 'code' in error ? error.code : undefined
  const cause = error.cause === undefined ? undefined : messageOf(error.cause)
  return { message: error.message, code, cause, stack: code === undefined ? error.stack : undefined }
}

function wrap(target: pino.Logger): Logger {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (event: string, fields: LogFields = {}) =>
      target[level](fields, event)
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => wrap(target.child(fields)),
  }
}

function readable(sink: NodeJS.WritableStream): Writable {
  return new Writable({
    decodeStrings: false,
    write(line: string | Buffer, _encoding, done) {
      sink.write(readableLine(line.toString()))
      done()
    },
  })
}

/** A log that cannot be written (disk full, folder removed) is reported once and must not stop a node. */
function openFile(path: string): SteadyFile {
  return new SteadyFile(path, {
    onFailure: ({ message }) => process.stderr.write(`log file ${path} cannot be written: ${message}\n`),
  })
}
