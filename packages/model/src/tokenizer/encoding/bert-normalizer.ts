import { fieldOf, type JsonObject } from '../../json-fields.ts'
import { controlBreaker } from '../control-text.ts'

/** `BertNormalizer`: cleans a text, puts spaces around Chinese characters, strips accents and lowers the case. */
export function createBertNormalizer(section: JsonObject): (text: string) => string {
  const on = (name: string): boolean => fieldOf(section, name) !== false
  const lowercase = on('lowercase')
  const accents = fieldOf(section, 'strip_accents')
  const steps: ((text: string) => string)[] = []
  if (on('clean_text')) steps.push(cleaned)
  if (on('handle_chinese_chars')) steps.push((text) => text.replaceAll(chinese, ' $& '))
  if (typeof accents === 'boolean' ? accents : lowercase)
    steps.push((text) => text.normalize('NFD').replaceAll(/\p{Mn}/gu, ''))
  if (lowercase) steps.push((text) => text.toLowerCase())
  return (text) => steps.reduce((result, step) => step(result), text)
}

const chinese =
  /[\u{4E00}-\u{9FFF}\u{3400}-\u{4DBF}\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{F900}-\u{FAFF}\u{2F800}-\u{2FA1F}]/gu

const unwanted = new RegExp(`(?!${controlBreaker})[\\u0000\\uFFFD\\p{C}]`, 'gu')

function cleaned(text: string): string {
  return text
    .replaceAll(/[\t\n\r]/g, ' ')
    .replaceAll(unwanted, '')
    .replaceAll(/\p{White_Space}/gu, ' ')
}
