/** The command has failed, and has said so itself, on the last line of its output: nothing is to be added. */
export class ToldError extends Error {}
