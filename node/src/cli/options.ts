import { Option, type Command } from 'commander'
import { logLevels, type LogLevel } from '@shoal/host'
import {
  collect,
  parseAddress,
  parseHostName,
  parseJoin,
  parseHostPort,
  parseManifestId,
  parseNumber,
  parseOrigins,
  parseWhole,
  type HostPort,
} from './parse.ts'

/** What `--weights` takes. */
export const weightsHelp =
  'f32, int8[:BLOCK] or int4[:BLOCK], also with +head-FORMAT, +feed-forward-FORMAT, +nearest, +least-error, +calibrated; or gguf for the formats of a GGUF file'

/** Options that every command has. */
export interface CommonFlags {
  readonly json?: boolean
  readonly data?: string
  readonly logLevel?: LogLevel
}

export function addCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON object on the last line of stdout; logs stay on stderr')
    .option(
      '--data <DIR>',
      "data directory: models, packed weights, key, log (default: SHOAL_DATA, else the platform's place)",
    )
    .addOption(
      new Option('--log-level <LEVEL>', 'lowest level of the log lines that are printed on stderr').choices([
        ...logLevels,
      ]),
    )
}

export interface ModelFlags {
  readonly model?: string
  readonly weights?: string
  readonly kv?: string
  readonly threads?: number
}

export function addModelOptions(command: Command): Command {
  return command
    .option(
      '--model <REF>',
      'a folder in Hugging Face layout, a .gguf file, org/name[@revision][:FILE.gguf] on a hub, or demo (the embedded model)',
    )
    .option(
      '--weights <FORMAT>',
      `${weightsHelp}; chosen when a swarm is created (default: int4:128, f32 for demo)`,
    )
    .addOption(
      new Option(
        '--kv <FORMAT>',
        'format of the KV cache, chosen when a swarm is created: f32 (default), or int8, which takes little more than a quarter of the memory',
      ).choices(['f32', 'int8']),
    )
    .option(
      '--threads <N>',
      'compute threads; changes no bits (default: physical cores - 1)',
      parseWhole(1, 1024),
    )
}

export interface JoinFlags {
  readonly join?: string[]
  readonly manifest?: string
}

export function addJoinOption(command: Command): Command {
  return command
    .option(
      '--join <MULTIADDR>',
      'address of a peer of the swarm, or an invite; together with --model or --manifest, of any Shoal peer that helps to find the swarm (repeatable)',
      parseJoin,
    )
    .option('--manifest <ID>', 'with --join: join only the swarm with this manifest id', parseManifestId)
}

/** Hidden options of processes that `shoal swarm` and tests start. */
export interface StartedFlags {
  readonly announce?: string[]
  readonly dialInstead?: string
  readonly slowdown?: number
  readonly machine?: string
  readonly exitWithParent?: boolean
  readonly temporaryData?: boolean
}

export function addStartedOptions(command: Command): Command {
  return command
    .option(
      '--announce <MULTIADDR>',
      "tell others this address instead (repeatable): a router's mapping, a proxy",
      parseAddress,
    )
    .addOption(
      new Option('--dial-instead <FILE>', 'JSON: addresses, and what to dial instead of each').hideHelp(),
    )
    .addOption(
      new Option('--slowdown <N>', 'compute so many times slower').argParser(parseNumber(1, 100)).hideHelp(),
    )
    .addOption(
      new Option(
        '--machine <NAME>',
        'name of the machine that this process counts as, in place of the real one',
      ).hideHelp(),
    )
    .addOption(new Option('--exit-with-parent', 'end when the parent process does').hideHelp())
    .addOption(
      new Option(
        '--temporary-data',
        'remove the data directory when the parent process has died and cannot remove it',
      ).hideHelp(),
    )
}

export type AuditKind = 'receipts' | 'reruns'

export function addAuditOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--audit <KIND>',
      'receipts: stages sign what they computed; reruns: other peers also compute some finished answers again, and so see their hidden states',
    )
      .choices(['receipts', 'reruns'])
      .default('receipts'),
  )
}

export interface DraftFlags {
  readonly draft?: string
}

export function addDraftOption(command: Command): Command {
  return command.option(
    '--draft <REF>',
    'a small model with the same tokenizer, which this process runs to propose tokens; they are checked, so the answer is the same; none drafts nothing',
  )
}

function addSpareOption(command: Command): Command {
  return command.option(
    '--spare',
    'a hot spare: other peers compute every row too, so that the loss of a peer costs a step at most; twice the computing and memory',
  )
}

export interface PlacementFlags extends DraftFlags {
  readonly audit?: AuditKind
  readonly placement: Placement
  readonly wire?: Wire
  readonly spare?: boolean
}

/** How hidden states travel. */
export type Wire = 'f32' | 'f16' | 'int8'

/** Where a coordinator's embedding and head are computed. */
export type Placement = 'private' | 'thin'

export function addPlacementOption(command: Command): Command {
  return addSpareOption(addDraftOption(addAuditOption(command)))
    .addOption(
      new Option(
        '--placement <KIND>',
        'where embedding and head are computed: private = in this process, so that no peer sees text; thin = by a peer, which then sees the text, so that nothing is fetched or computed here',
      )
        .choices(['private', 'thin'])
        .default('private'),
    )
    .addOption(wireOption())
}

/** `--wire` of those who ask. */
export function wireOption(): Option {
  return new Option(
    '--wire <FORMAT>',
    'how hidden states travel: f32 = unchanged; f16 and int8 = half and a quarter of the bytes, which changes the answer a little',
  ).choices(['f32', 'f16', 'int8'])
}

export interface ApiFlags {
  readonly api?: HostPort
  readonly apiKey?: string[]
  readonly apiKeys?: string
  readonly apiOpen?: boolean
  readonly apiHost?: string[]
  readonly apiOrigins?: string[]
}

export function addApiOptions(command: Command): Command {
  return command
    .option(
      '--api <HOST:PORT>',
      'serve the HTTP API (for clients of OpenAI, Anthropic and Ollama) and the dashboard here; beyond loopback this needs --api-key, --api-keys or --api-open',
      parseHostPort,
    )
    .addOption(
      new Option('--api-key <KEY>', 'key that callers must send (repeatable)')
        .env('SHOAL_API_KEY')
        .argParser(collect),
    )
    .option(
      '--api-keys <FILE>',
      'keys with names and limits: {"keys": [{"name", "key", "requestsPerMinute", "tokensPerMinute", "concurrency"}]}',
    )
    .option('--api-open', 'serve other machines without a key: anyone who reaches the port may use the API')
    .option(
      '--api-host <NAME>',
      'a name by which callers address the API, beside its IP address and localhost (repeatable); without a key, requests for other names are refused',
      parseHostName,
    )
    .option(
      '--api-origins <ORIGINS>',
      'pages that may use the API without a key, by their origins: https://chat.example,chrome-extension://ID (repeatable)',
      parseOrigins,
    )
}

export interface SamplingFlags {
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  readonly presencePenalty?: number
  readonly frequencyPenalty?: number
  readonly seed?: number
  readonly maxTokens: number
}

export function addSamplingOptions(command: Command): Command {
  return command
    .option('--max-tokens <N>', 'maximum number of tokens in an answer', parseWhole(1, 1_000_000), 256)
    .option(
      '--temperature <T>',
      "0 = always the likeliest token (default: the model's generation_config, else 0.7)",
      parseNumber(0, 100),
    )
    .option(
      '--top-p <P>',
      'draw from the most likely tokens that together have this probability',
      parseNumber(0, 1),
    )
    .option('--top-k <K>', 'draw from this many of the most likely tokens; 0 = all', parseWhole(0, 1_000_000))
    .option(
      '--min-p <P>',
      'draw only tokens with at least this share of the largest probability; 0 = all',
      parseNumber(0, 1),
    )
    .option(
      '--repetition-penalty <F>',
      'divides positive logits of tokens of the prompt and the answer, multiplies negative ones; 1 = none',
      parseNumber(0.01, 100),
    )
    .option(
      '--presence-penalty <X>',
      'subtracted from the logits of tokens that the answer contains; 0 = none',
      parseNumber(-2, 2),
    )
    .option(
      '--frequency-penalty <X>',
      "subtracted from a token's logit for each time that the answer contains it; 0 = none",
      parseNumber(-2, 2),
    )
    .option(
      '--seed <S>',
      'the same seed draws the same tokens (default: random)',
      parseWhole(0, 4_294_967_295),
    )
}

/** Examples at the end of `--help`. */
export function addExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText(
    'after',
    `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`,
  )
}
