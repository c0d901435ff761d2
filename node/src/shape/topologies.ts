import type { ShapeFile } from './shape-file.ts'

/** A named shape with round figures of what such a place usually has; their sources stand beside them. */
export interface Topology {
  readonly about: string
  /** @param nodes how many nodes the shape gets */
  file(nodes: number): ShapeFile
}

const numbered = (
  count: number,
  of: (index: number) => Omit<ShapeFile['nodes'][number], 'name'> & { readonly called: string },
): ShapeFile['nodes'] =>
  Array.from({ length: count }, (_, index) => {
    const { called, ...node } = of(index)
    return { name: `${called}-${index + 1}`, ...node }
  })

/** Named shapes for `--shape NAME`. */
export const topologies: Readonly<Record<string, Topology>> = {
  lan: {
    about: 'one switch: 1 Gbit/s, 0.4 ms',
    file: (count) => ({
      nodes: numbered(count, () => ({ called: 'desk' })),
      links: [],
      default: { rttMs: 0.4, mbps: 1000 },
    }),
  },
  'home-wifi': {
    about: 'one access point: 50 Mbit/s, 5 ms, few losses that the radio does not repair by itself',
    file: (count) => ({
      nodes: numbered(count, () => ({ called: 'laptop' })),
      links: [],
      default: { rttMs: 5, mbps: 50, lossPercent: 0.01 },
    }),
  },
  'two-sites': {
    about:
      'two offices of one town: 1 Gbit/s and 0.4 ms inside, 100 Mbit/s and 20 ms between; whoever asks is at the first',
    file: (count) => ({
      nodes: numbered(count, (index) =>
        index % 2 === 0 ? { called: 'north', site: 'north' } : { called: 'south', site: 'south' },
      ),
      links: [
        { between: ['north', 'north'], rttMs: 0.4, mbps: 1000 },
        ...(count > 1 ? [{ between: ['south', 'south'] as [string, string], rttMs: 0.4, mbps: 1000 }] : []),
        { between: ['north', 'outside'], rttMs: 0.4, mbps: 1000 },
      ],
      default: { rttMs: 20, mbps: 100 },
    }),
  },
  'flaky-wifi': {
    about: 'at the edge of a network: 10 Mbit/s, 8 ms, one packet in a hundred lost',
    file: (count) => ({
      nodes: numbered(count, () => ({ called: 'phone' })),
      links: [],
      default: { rttMs: 8, mbps: 10, lossPercent: 1 },
    }),
  },
  'one-strong-many-weak': {
    about:
      'a desktop on a cable and small computers on a home network: 3 ms and 100 Mbit/s between them, each four times slower',
    file: (count) => ({
      nodes: numbered(count, (index) =>
        index === 0 ? { called: 'strong' } : { called: 'weak', slowdown: 4 },
      ),
      links: [{ between: ['strong-1', 'outside'], rttMs: 0.4, mbps: 1000 }],
      default: { rttMs: 3, mbps: 100 },
    }),
  },
}

/** Nodes of a named shape when `--processes` is absent. */
export const topologyNodes = 3
