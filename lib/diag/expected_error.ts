/**
 * A fault that can happen to anybody and is no bug: it is told in its own words, which are a sentence, and the command ends
 * with status 1.
 */
export class ExpectedError extends Error {
  constructor(
    message: string,
    /** What to do about it. */
    readonly remedy?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
