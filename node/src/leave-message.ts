import type { ChildProcess } from 'node:child_process'

/** Message that a parent sends over the IPC channel on systems where a process cannot handle SIGTERM. */
const leaveMessage = 'shoal-leave'

/**
 * Asks a `shoal` process to drain and leave: by SIGTERM, and on Windows, where every signal ends a process at once, by a
 * message. A child without an IPC channel gets the signal on Windows too.
 */
export function tellToLeave(
  child: Pick<ChildProcess, 'connected' | 'send' | 'kill'>,
  platform: NodeJS.Platform = process.platform,
): void {
  if (platform !== 'win32' || !child.connected) {
    child.kill('SIGTERM')
    return
  }
  child.send(leaveMessage, (error) => {
    // The channel broke before the message was sent: only a signal is left.
    if (error !== null) child.kill('SIGTERM')
  })
}

/** Calls `leave` when the parent of this process asks it to leave by a message. */
export function leaveWhenTold(leave: () => void): void {
  if (!process.connected) return
  process.on('message', (message) => {
    if (message === leaveMessage) leave()
  })
  // Listening would keep the process alive.
  process.channel?.unref()
}
