/**
 * The patterns by which published byte-level tokenizers split texts, in the syntax of tokenizer.json, where each is the
 * `Split` of a model's own pre-tokenizer. llama.cpp writes some of them in other words, for want of an engine.
 */
const raw = String.raw

const contraction = raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)`
const wordsWithMark = raw`[^\r\n\p{L}\p{N}]?\p{L}+`
const symbols = raw` ?[^\s\p{L}\p{N}]+[\r\n]*`
const spaces = raw`\s*[\r\n]+|\s+(?!\S)|\s+`

export const digit = raw`\p{N}`
export const gpt2Short = raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`
export const gpt2 = raw`${gpt2Short}|\s+`
export const falconPunctuation = '[\\p{P}\\$\\+<=>\\^~\\|`]+'
export const llama3 = raw`${contraction}|${wordsWithMark}|\p{N}{1,3}|${symbols}|${spaces}`
export const qwen2 = raw`${contraction}|${wordsWithMark}|\p{N}|${symbols}|${spaces}`
export const qwen35 = raw`${contraction}|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|${spaces}`
export const bailing = raw`'(?i:[sdmt]|ll|ve|re)|${wordsWithMark}|\p{N}|${symbols}|\s*[\r\n]|\s+(?!\S)|\s+`
export const seedCoder = raw`${contraction}|${wordsWithMark}|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|${spaces}`
export const miniCpm5 = [raw`\p{N}{1,3}`, raw`${contraction}|${wordsWithMark}|\p{N}+|${symbols}|${spaces}`]
export const bloom = ' ?[^(\\s|.,!?…。，、।۔،)]+'
export const digitGroups = raw`\d{1,3}(?=(?:\d{3})*\b)`

/** Words in which small letters follow capitals; with a contraction behind them where the model keeps it. */
function casedWords(capitals: string, smalls: string, behind: string): string {
  const mark = raw`[^\r\n\p{L}\p{N}]?`
  return `${mark}[${capitals}]*[${smalls}]+${behind}|${mark}[${capitals}]+[${smalls}]*${behind}`
}
const capitals = raw`\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}`
const smalls = raw`\p{Ll}\p{Lm}\p{Lo}\p{M}`
const symbolsWithSlash = raw` ?[^\s\p{L}\p{N}]+[\r\n/]*`

export const tekken = raw`${casedWords(capitals, smalls, '')}|\p{N}|${symbolsWithSlash}|${spaces}`
const casedWithContraction = casedWords(capitals, smalls, `${contraction}?`)
export const gpt4o = raw`${casedWithContraction}|\p{N}{1,3}|${symbolsWithSlash}|${spaces}`
const notHan = raw`&&[^\p{Han}]`
const casedWithoutHan = casedWords(capitals + notHan, smalls + notHan, `${contraction}?`)
export const kimiK2 = raw`[\p{Han}]+|${casedWithoutHan}|\p{N}{1,3}|${symbols}|${spaces}`
export const youtu = [
  '[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+',
  raw`${casedWithContraction}|\p{N}|${symbolsWithSlash}|${spaces}`,
]

const han = '[一-龥ࠀ-一가-퟿]+'
/** The letters of Latin, Greek, Cyrillic, Armenian, Georgian, Cherokee, Coptic and Deseret, as the model lists them. */
const casedLetters =
  'A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃'
export const deepseek = [
  raw`[\r\n]`,
  raw`\s?[${casedLetters}]+`,
  raw`\s?[!-/:-~！-／：-～‘-‟　-。]+`,
  raw`\s+$`,
  han,
  raw`\p{N}+`,
]
export const deepseekCoder = [raw`[\r\n]`, raw`\s?\p{L}+`, raw`\s?\p{P}+`, han, digit]
export const deepseekV3 = [
  raw`\p{N}{1,3}`,
  '[一-龥぀-ゟ゠-ヿ]+',
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
]
