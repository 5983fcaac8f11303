/** Programs that were started. None may outlive this process, even if its answer is not needed. */
export class StartedPrograms {
  readonly #started: Promise<unknown>[] = [];

  /** Returns the promise of a program's answer; its failure is ignored unless it is awaited. */
  add<T>(answer: Promise<T>): Promise<T> {
    this.#started.push(answer.catch(() => {}));
    return answer;
  }

  /** Resolves when all have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#started);
  }
}
