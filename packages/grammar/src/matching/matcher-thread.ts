import { parentPort, workerData } from 'node:worker_threads'
import type { CompiledGrammar, GrammarMatcher } from '@mlc-ai/web-xgrammar'
import { grammarLimits } from '../limits.ts'
import type { MatcherCall, MatcherReply, VocabularyBytes } from './matcher-calls.ts'
import { byteLevelTokens } from './vocabulary.ts'
import { loadXGrammar } from './xgrammar.ts'

/** Compiles grammars and matches tokens where both can be ended. It answers one call at a time, in order. */
if (parentPort === null) throw new Error('matcher-thread.ts must be started as a worker thread')
const port = parentPort
const vocabulary = workerData as VocabularyBytes
const size = vocabulary.ends.length

const library = await loadXGrammar(grammarLimits.memoryMiBMax * 1024 ** 2)
const info = await library.TokenizerInfo.createTokenizerInfo(
  byteLevelTokens(vocabulary),
  'byte_level',
  false,
  size,
  [...vocabulary.endTokenIds],
)
const compiler = await library.GrammarCompiler.createGrammarCompiler(info, false)
/** By their texts, the one that was used last at the end. */
const compiled = new Map<string, CompiledGrammar>()
const matchers = new Map<number, { readonly matcher: GrammarMatcher; length: number }>()

async function compile(grammar: string): Promise<CompiledGrammar> {
  const known = compiled.get(grammar)
  const made = known ?? (await compiler.compileGrammar(grammar))
  compiled.delete(grammar)
  compiled.set(grammar, made)
  for (const [text, old] of compiled) {
    if (compiled.size <= grammarLimits.compiledKept) break
    compiled.delete(text)
    // The library counts references: a matcher of this grammar goes on.
    old.dispose()
  }
  return made
}

async function answer(call: MatcherCall): Promise<MatcherReply> {
  if (call.name === 'open') {
    const matcher = await library.GrammarMatcher.createGrammarMatcher(await compile(call.grammar))
    matchers.set(call.matcher, { matcher, length: 0 })
    return {}
  }
  const state = matchers.get(call.matcher)
  if (state === undefined) return {}
  if (call.name === 'close') {
    matchers.delete(call.matcher)
    state.matcher.dispose()
    return {}
  }
  if (state.length > call.keep) state.matcher.rollBack(state.length - call.keep)
  state.length = call.keep
  for (const tokenId of call.tokens) {
    if (!state.matcher.acceptToken(tokenId)) return { failure: `the grammar does not allow token ${tokenId}` }
    state.length += 1
  }
  // Behind its end an answer has no next token.
  if (state.matcher.isTerminated()) return { mask: new Int32Array(Math.ceil(size / 32)) }
  const mask = (await state.matcher.getNextTokenBitmask()) as Int32Array<ArrayBuffer>
  // The library sets the bits of the last word that stand for no token.
  const last = mask.length - 1
  if (size % 32 !== 0) mask[last] = (mask[last] ?? 0) & ((1 << (size % 32)) - 1)
  return { mask }
}

async function reply(call: MatcherCall): Promise<void> {
  try {
    const given = await answer(call)
    port.postMessage(given, given.mask === undefined ? [] : [given.mask.buffer])
  } catch (error) {
    port.postMessage({ failure: error instanceof Error ? error.message : String(error) })
  }
}

port.on('message', (call: MatcherCall) => void reply(call))
port.postMessage({} satisfies MatcherReply)
