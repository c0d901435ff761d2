import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Argument, Command, Option } from 'commander'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createProgram } from '../cli/program.ts'
import { commandWords } from './command-words.ts'
import { completionScript, shells } from './scripts.ts'

const whole = commandWords(createProgram({ out: () => undefined, err: () => undefined }))

const small = new Command('shoal')
small
  .command('up')
  .description("a node's life: [long]")
  .option('--model <REF>', 'which model; more')
  .addOption(new Option('--device <KIND>', 'what computes').choices(['auto', 'cpu']))
  .addOption(new Option('--inner', 'for tests').hideHelp())
small
  .command('bench')
  .description('measure')
  .addArgument(new Argument('<NAME>').choices(['decode', 'relay']))
const words = commandWords(small)

test('commands, options, choices and names below a command are found; hidden options are not', () => {
  expect(
    words.map(({ name, words: below, options }) => [name, below, options.map(({ long }) => long)]),
  ).toEqual([
    ['up', [], ['--model', '--device']],
    ['bench', ['decode', 'relay'], []],
  ])
  expect(whole.find(({ name }) => name === 'model')?.words).toEqual(
    expect.arrayContaining(['inspect', 'pull', 'verify', 'random']),
  )
})

test('the script of zsh escapes what parts its specifications, and quotes descriptions', () => {
  const script = completionScript('zsh', words)
  expect(script).toContain(`'up:a node'\\''s life'`)
  expect(script).toContain(`'--model[which model]:value:_files'`)
  expect(script).toContain(`'--device[what computes]:value:(auto cpu)'`)
  expect(script).toContain(`bench) _arguments '1:what:(decode relay)'`)
})

test('the script of fish offers options behind their command only', () => {
  const script = completionScript('fish', words)
  expect(script).toContain(`complete -c shoal -n __fish_use_subcommand -f -a bench -d 'measure'\n`)
  expect(script).toContain(
    `complete -c shoal -n '__fish_seen_subcommand_from up' -l device -r -f -a 'auto cpu' -d 'what computes'\n`,
  )
})

const found = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0

describe.each(shells)('%s', (shell) => {
  test.skipIf(!found(shell))('reads the script of all commands without an error (needs the shell)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'shoal-completion-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    // A file: fish reads no script from the socket that Node gives a child as its standard input.
    const file = join(folder, 'script')
    writeFileSync(file, completionScript(shell, whole))
    const { status, stderr } = spawnSync(shell, ['-n', file])
    expect([status, String(stderr)]).toEqual([0, ''])
  })
})

test.skipIf(!found('bash')).each([
  ['ge', 'generate'],
  ['up --mem', '--memory'],
  ['up --device c', 'cpu cuda coreml'],
  ['bench memb', 'membership'],
  ['model p', 'pull'],
  ['up --data ', ''],
  // One name, with a value in one command and without in another.
  ['up --spare ', ''],
  ['generate --spare --pla', '--placement'],
  ['generate --wire ', 'f32 f16 int8'],
])('bash completes "shoal %s" to "%s" (needs the shell)', (line, candidates) => {
  const typed = ['shoal', ...line.split(' ')]
  const ask = `COMP_WORDS=(${typed.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${typed.length - 1}; _shoal; echo "\${COMPREPLY[*]}"`
  const { stdout } = spawnSync('bash', [], { input: `${completionScript('bash', whole)}\n${ask}\n` })
  expect(String(stdout).trim()).toBe(candidates)
})
