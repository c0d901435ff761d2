import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { GenerateResult, SwarmStatus } from '@shoal/swarm'

/** What `GET /metrics` shows. Names follow Prometheus' practice: unit last, `_total` for counters. */
export interface ApiMetrics {
  readonly contentType: string
  request(route: string, status: number): void
  generated(result: GenerateResult): void
  tokens(count: number): void
  text(): Promise<string>
}

export function createApiMetrics(sources: { status(): SwarmStatus | null; running(): number }): ApiMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'shoal_' })
  const requests = new Counter({
    name: 'shoal_http_requests_total',
    help: 'HTTP requests by route and status.',
    labelNames: ['route', 'status'],
    registers: [registry],
  })
  const generations = addGenerationMetrics(registry)
  addSwarmGauges(registry, sources)
  return {
    contentType: registry.contentType,
    request: (route, status) => requests.inc({ route, status: String(status) }),
    tokens: generations.tokens,
    generated: generations.generated,
    text: () => registry.metrics(),
  }
}

function addGenerationMetrics(registry: Registry): Pick<ApiMetrics, 'tokens' | 'generated'> {
  const registers = [registry]
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers })
  const promptTokens = counter('shoal_prompt_tokens_total', 'Tokens of prompts.')
  const completionTokens = counter('shoal_completion_tokens_total', 'Tokens generated.')
  const failovers = counter('shoal_failovers_total', 'Stages replaced in the middle of a generation.')
  const moves = counter(
    'shoal_moves_total',
    'Stages that left in the middle of a generation and handed it over.',
  )
  const drafted = counter('shoal_drafted_tokens_total', 'Tokens sent along routes before they were drawn.')
  const accepted = counter('shoal_accepted_tokens_total', 'Drafted tokens that were then drawn.')
  // Below a tenth of a second nobody notices; above a minute clients have given up.
  const ttft = new Histogram({
    name: 'shoal_time_to_first_token_seconds',
    help: 'Time to the first token.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  })
  const rate = new Histogram({
    name: 'shoal_tokens_per_second',
    help: 'Decode speed of each generation.',
    buckets: [0.5, 1, 2, 5, 10, 20, 50, 100, 200],
    registers,
  })
  return {
    tokens: (count) => completionTokens.inc(count),
    generated(result) {
      promptTokens.inc(result.promptTokens)
      failovers.inc(result.failovers)
      moves.inc(result.moves)
      drafted.inc(result.drafted)
      accepted.inc(result.accepted)
      ttft.observe(result.ttftMs / 1000)
      if (result.tokensPerSecond > 0) rate.observe(result.tokensPerSecond)
    },
  }
}

/** Gauges are read when somebody asks for the metrics; without a swarm they are 0. */
function addSwarmGauges(
  registry: Registry,
  sources: { status(): SwarmStatus | null; running(): number },
): void {
  const gauge = (name: string, help: string, read: (status: SwarmStatus | null) => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(sources.status()))
      },
    })
  gauge('shoal_generations_running', 'Generations running now.', () => sources.running())
  gauge(
    'shoal_peers_alive',
    'Peers seen alive, this one included.',
    (status) => status?.peers.filter(({ liveness }) => liveness === 'alive').length ?? 0,
  )
  gauge('shoal_blocks', 'Blocks of the model.', (status) => status?.blockCount ?? 0)
  gauge(
    'shoal_blocks_covered',
    'Blocks that a live peer holds.',
    (status) => status?.coverage.filter((holders) => holders > 0).length ?? 0,
  )
  gauge(
    'shoal_sessions',
    'Sessions open at this peer.',
    (status) => status?.peers.find(({ self }) => self)?.sessions ?? 0,
  )
}
