/** The command has failed and has printed the reason itself: nothing is printed for this error. */
export class ToldError extends Error {}
