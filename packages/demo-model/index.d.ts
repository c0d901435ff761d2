/** Folder of the embedded demo model, in Hugging Face layout. */
export declare const demoModelFolder: string
/** Folder of a smaller model with the same tokenizer, which proposes tokens of the demo model. */
export declare const demoDraftFolder: string
