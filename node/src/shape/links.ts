import { Worker } from 'node:worker_threads'
import { ShoalError } from '@shoal/host'
import { outsider, type AccessShape, type LinkShape, type Shape } from './link-shape.ts'

/** What the thread is started with: nodes by index, everybody else behind them. */
export interface LinksPlan {
  readonly seed: number
  /** Where each node really listens, on 127.0.0.1. */
  readonly targetPorts: readonly number[]
  readonly access: readonly AccessShape[]
  /** `links[from][to]`, with one row more for everybody else. */
  readonly links: readonly (readonly LinkShape[])[]
}

/** What it answers once: `ports[from][to]`, null where there is no way. */
export interface LinksReady {
  readonly ports: readonly (readonly (number | null)[])[]
}

/** The links between processes: a listener for each ordered pair, so that it is known who speaks to whom. */
export interface Links {
  /** Where `from` has to dial to reach `to`; without `from`, where everybody else does. */
  port(from: number | null, to: number): number
  /** All of them, for whoever wants to know that nothing goes another way. */
  readonly all: readonly { readonly from: string; readonly to: string; readonly port: number }[]
  close(): Promise<void>
}

/** They run in a thread of their own: what this one does must not make a link slower. */
export async function startLinks(shape: Shape, targetPorts: readonly number[], seed: number): Promise<Links> {
  const names = [...shape.nodes.map(({ name }) => name), outsider]
  const plan: LinksPlan = {
    seed,
    targetPorts,
    access: shape.nodes.map(({ upMbps, downMbps }) => ({ upMbps, downMbps })),
    links: names.map((from) => names.map((to) => shape.link(from, to))),
  }
  const worker = new Worker(new URL('./links-worker.ts', import.meta.url), {
    workerData: plan,
    name: 'shoal-links',
  })
  const { ports } = await new Promise<LinksReady>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (status) =>
      reject(new ShoalError('internal', `the thread of the links ended with status ${status}`)),
    )
  })
  // From here on it ends only when it is told to.
  worker.on('error', (error) => {
    throw new ShoalError('internal', 'the thread of the links failed', { cause: error })
  })
  return {
    port(from, to) {
      const port = ports[from ?? names.length - 1]?.[to]
      if (port === undefined || port === null) throw new Error(`there is no link ${from} → ${to}`)
      return port
    },
    all: ports.flatMap((row, from) =>
      row.flatMap((port, to) =>
        port === null ? [] : [{ from: names[from] ?? '', to: names[to] ?? '', port }],
      ),
    ),
    close: async () => void (await worker.terminate()),
  }
}
