/** Folder of the embedded demo model, in Hugging Face layout. */
export declare const demoModelFolder: string
