import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Pages below one title of the menu. */
export interface Section {
  readonly title: string
  /** Files of the repository. */
  readonly pages: readonly string[]
}

/** The pages of the site in the order of its menu, by what a reader looks for. Documents without a place here follow. */
const placed: readonly Section[] = [
  { title: 'Begin', pages: ['README.md', 'docs/tutorial.md', 'docs/install.md', 'examples/README.md'] },
  {
    title: 'How to',
    pages: [
      'docs/how-to.md',
      'docs/service.md',
      'docs/trust.md',
      'docs/dashboard.md',
      'docs/tabs.md',
      'docs/troubleshooting.md',
    ],
  },
  {
    title: 'Reference',
    pages: [
      'docs/reference/commands.md',
      'docs/reference/http-fields.md',
      'docs/api.md',
      'docs/compatibility.md',
      'docs/models.md',
      'docs/platforms.md',
      'docs/glossary.md',
      'docs/protocol.md',
      'docs/dependencies.md',
      'CHANGELOG.md',
    ],
  },
  {
    title: 'Explanation',
    pages: [
      'ARCHITECTURE.md',
      'docs/session.md',
      'docs/failover.md',
      'docs/membership.md',
      'docs/planner.md',
      'docs/placement.md',
      'docs/batching.md',
      'docs/prefix-reuse.md',
      'docs/speculation.md',
      'docs/grammar.md',
      'docs/tensor-parallel.md',
      'docs/experts.md',
      'docs/numerics.md',
      'docs/packing.md',
      'docs/network.md',
      'docs/networks.md',
      'docs/dht.md',
      'docs/audit.md',
      'docs/threat-model.md',
      'docs/simulation.md',
    ],
  },
  { title: 'Develop', pages: ['CONTRIBUTING.md', 'docs/decisions/README.md', 'docs/log.md'] },
]

/** The menu with every document of the repository. */
export function contentsOf(root: string): Section[] {
  const known = new Set(placed.flatMap(({ pages }) => pages))
  const others = readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .filter((path) => !known.has(path))
  return others.length === 0 ? [...placed] : [...placed, { title: 'More', pages: others }]
}
