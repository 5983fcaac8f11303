/**
 * An error that can happen to any user and is not a bug. Its message is a full sentence and is
 * printed as it is. The command ends with status 1.
 */
export class ExpectedError extends Error {
  constructor(
    message: string,
    /** The action that solves the problem. */
    readonly remedy?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
