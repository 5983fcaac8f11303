/** The input or the command line is wrong in a way that only shows at run time: exit status 2. */
export class UserError extends Error {
  override readonly name = "UserError";
  /** Advice: a correct input, or another command. */
  readonly remedy: string | undefined;

  constructor(message: string, remedy?: string) {
    super(message);
    this.remedy = remedy;
  }
}
