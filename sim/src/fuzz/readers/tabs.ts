import { awaitedCall, checkedReply, decodeFrame } from '@shoal/runtime'
import { readFromTab } from 'shoal/tab-messages'

/** Less than a node allows a tab, since the fuzzer's inputs are short. */
const bounds = { bytesMax: 96 * 1024, headBytesMax: 64 * 1024 }

/** What a browser tab sends over its WebSocket. */
export function tabRequest(bytes: Uint8Array): void {
  readFromTab(decodeFrame(bytes, bounds))
}

const names = ['numeric-class', 'load-blocks', 'forward', 'export-session', 'import-session', 'stop'] as const
const values = 4

/** The reply of a tab's engine; the call that it answers follows from its id. */
export function tabReply(bytes: Uint8Array): void {
  const fields = decodeFrame(bytes, bounds)
  const id = Number(fields['id'])
  const name = names[Number.isSafeInteger(id) ? Math.abs(id) % names.length : 0] ?? 'stop'
  checkedReply(id, fields, { ...awaitedCall({ id: 0, name: 'stop', arguments: null }), name, values })
}
