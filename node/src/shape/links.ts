import { Worker } from 'node:worker_threads'
import { ShoalError } from '@shoal/host'
import { outsider, type AccessShape, type LinkShape, type Shape } from './link-shape.ts'

/** Input of the worker thread: nodes by index, and `outsider` as the index after the last node. */
export interface LinksPlan {
  readonly seed: number
  /** Port of 127.0.0.1 on which each node listens. */
  readonly targetPorts: readonly number[]
  readonly access: readonly AccessShape[]
  /** `links[from][to]`, with one more row for `outsider`. */
  readonly links: readonly (readonly LinkShape[])[]
}

/** The worker's one answer: `ports[from][to]`, null where there is no link. */
export interface LinksReady {
  readonly ports: readonly (readonly (number | null)[])[]
}

/** The links between processes. Each ordered pair has a listener of its own, which tells the link who dials whom. */
export interface Links {
  /** Port that `from` dials to reach `to`; null stands for `outsider`. */
  port(from: number | null, to: number): number
  /** All links; tests check with it that no connection bypasses them. */
  readonly all: readonly { readonly from: string; readonly to: string; readonly port: number }[]
  close(): Promise<void>
}

/** Starts the links in a worker thread, so that work in this thread does not slow them down. */
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
  // From here on the worker ends only when it is terminated.
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
