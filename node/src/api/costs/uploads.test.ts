import { expect, test } from 'vitest'
import { Uploads } from './uploads.ts'

test('when all bodies are too long together, the address with most makes way with its largest', () => {
  const cut: string[] = []
  const uploads = new Uploads(100)
  const begin = (name: string, network: string) => uploads.begin(network, () => cut.push(name))
  const [small, large] = [begin('small', 'greedy'), begin('large', 'greedy')]
  const honest = begin('honest', 'honest')
  small.add(20)
  large.add(50)
  honest.add(30)
  expect(cut).toEqual([])
  honest.add(1)
  expect(cut).toEqual(['large'])
  expect(() => large.add(1)).toThrow('too long together')
  expect(() => large.end()).toThrow('too long together')
  small.end()
  honest.add(60)
  honest.end()
  begin('next', 'greedy').add(100)
  expect(cut).toEqual(['large'])
})

test('a body that is alone too long makes way for nobody, and is refused', () => {
  const uploads = new Uploads(100)
  const alone = uploads.begin('a', () => undefined)
  expect(() => alone.add(101)).toThrow('too long together')
})
