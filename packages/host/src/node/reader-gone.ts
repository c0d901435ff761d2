/**
 * Ends this process with status 0 as soon as nobody reads its standard output any more (`| head`), as other filters do: without
 * a listener Node.js throws the error of the pipe (`EPIPE`) and prints a stack. A closed standard error is ignored, because it
 * carries progress only.
 */
export function endWhenReaderIsGone(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}
