import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chatCommand, type ChatState } from './commands.ts'

const stateOf = (messages: ChatState['messages'] = []): ChatState => ({
  messages,
  model: 'demo',
  route: null,
  status: () => null,
})

test.each(['hello', ' /help', '/etc/hosts says what?', '/', 'a /help'])('%j is a message', (line) => {
  expect(chatCommand(line, stateOf())).toBe(null)
})

test('/help names every command, and an unknown one is not sent to the model', () => {
  const help = chatCommand('/help', stateOf())
  expect(String(help)).toMatch(/\/new.*\/system.*\/route.*\/swarm.*\/save.*\/quit/s)
  expect(chatCommand('/halp', stateOf())).toEqual(['there is no command /halp; /help shows all'])
  expect(chatCommand('/constructor', stateOf())).toEqual([
    'there is no command /constructor; /help shows all',
  ])
  expect(chatCommand('/quit ', stateOf())).toBe('quit')
})

test('/system sets, replaces and removes the prompt; /new keeps it', () => {
  const state = stateOf([{ role: 'user', content: 'hi' }])
  chatCommand('/system be brief', state)
  chatCommand('/system be kind', state)
  expect(state.messages).toEqual([
    { role: 'system', content: 'be kind' },
    { role: 'user', content: 'hi' },
  ])
  chatCommand('/new', state)
  expect(state.messages).toEqual([{ role: 'system', content: 'be kind' }])
  chatCommand('/system', state)
  expect(state.messages).toEqual([])
})

test('/save writes a new file and says why it does not overwrite one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-chat-'))
  try {
    const path = join(folder, 'a chat.json')
    const state = stateOf([{ role: 'user', content: 'hi' }])
    expect(chatCommand(`/save ${path}`, state)).toEqual([`saved in ${path}`])
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(state.messages)
    expect(String(chatCommand(`/save ${path}`, state))).toMatch(/EEXIST/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
