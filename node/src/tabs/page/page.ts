import { render } from 'lit-html'
import {
  afterWord,
  blocksIn,
  firstState,
  isOn,
  memoryChoices,
  threadsFor,
  type FromWorker,
  type LendState,
  type ToWorker,
} from './lend-state.ts'
import { lendView } from './lend-view.ts'

/** Chromium tells pages of secure origins how much memory the device has. */
const { deviceMemory } = navigator as { readonly deviceMemory?: number }
const { choices, usual } = memoryChoices(deviceMemory)
let state: LendState = firstState(usual)
let worker: Worker | null = null
let lock: WakeLockSentinel | null = null

function show(next: LendState): void {
  state = next
  document.title = `${state.phase === 'serving' ? 'Serving' : 'Lend this tab'} · Shoal`
  render(lendView(state, choices, { start, stop, choose }), document.body)
}

function choose(memoryBytes: number): void {
  show({ ...state, memoryBytes })
}

function start(): void {
  if (isOn(state)) return
  const token = location.hash.slice(1)
  if (!/^[0-9a-f]{32}$/.test(token)) {
    show({
      ...state,
      phase: 'failed',
      reason:
        'This address lacks the end of the link, behind #: open the whole link that the node has printed.',
    })
    return
  }
  show({ ...firstState(state.memoryBytes), hidden: state.hidden, phase: 'connecting' })
  worker?.terminate()
  // A worker is not slowed down with a tab in the background, and the page stays quick while it computes.
  worker = new Worker('/lend/files/worker.js', { type: 'module' })
  worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
    show(afterWord(state, data))
    if (data.kind === 'over') ended()
  })
  worker.addEventListener('error', ({ message }) => {
    show({ ...state, phase: 'failed', reason: message || 'the worker of this page did not start' })
    ended()
  })
  const threads = threadsFor(location.search, navigator.hardwareConcurrency, crossOriginIsolated)
  const { memoryBytes } = state
  tell({ kind: 'start', token, memoryBytes, blocks: blocksIn(location.search), threads })
  void stayAwake()
}

function stop(): void {
  show({ ...state, phase: 'leaving' })
  tell({ kind: 'stop' })
}

function ended(): void {
  worker?.terminate()
  worker = null
  void lock?.release()
  lock = null
}

function tell(word: ToWorker): void {
  worker?.postMessage(word)
}

/** A phone that turns its screen off halts its pages. Browsers allow this on secure origins only, while the page is seen. */
async function stayAwake(): Promise<void> {
  try {
    if ('wakeLock' in navigator && document.visibilityState === 'visible')
      lock = await navigator.wakeLock.request('screen')
  } catch {
    // The battery is low, or the browser does not want to: the tab then serves until the system halts it.
  }
}

document.addEventListener('visibilitychange', () => {
  show({ ...state, hidden: document.visibilityState === 'hidden' })
  if (isOn(state)) void stayAwake()
})
// A page that the browser keeps for "back" would hold its connection and compute nothing.
addEventListener('pagehide', () => {
  if (!isOn(state)) return
  ended()
  show(afterWord(state, { kind: 'over', reason: 'the page was left', asked: false }))
})
show(state)
