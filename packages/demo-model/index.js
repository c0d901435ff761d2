import { fileURLToPath } from 'node:url'

/** Folder of the embedded demo model, in Hugging Face layout. */
export const demoModelFolder = fileURLToPath(new URL('./model', import.meta.url))

/** Folder of a smaller model with the same tokenizer, which proposes tokens of the demo model. */
export const demoDraftFolder = fileURLToPath(new URL('./draft', import.meta.url))
