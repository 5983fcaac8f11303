/**
 * The numbers of one range. At most one name holds each number. A number that was never held is
 * given first, then the number that was released the longest time ago.
 */
export class NumberPool {
  readonly #first: number;
  readonly #last: number;
  readonly #holders = new Map<number, string>();
  /** A set keeps the order of insertion: oldest first. */
  readonly #freed = new Set<number>();
  #lowest: number;

  /** Both ends are inclusive. */
  constructor(first: number, last: number) {
    this.#first = first;
    this.#last = last;
    this.#lowest = first;
  }

  contains(number: number): boolean {
    return number >= this.#first && number <= this.#last;
  }

  holderOf(number: number): string | undefined {
    return this.#holders.get(number);
  }

  /**
   * Records that the number was held before. Call it in the order of release, oldest first, before
   * numbers are given.
   */
  free(number: number): void {
    this.#freed.add(number);
  }

  /** Gives this number. Returns false if it is out of range or already held. */
  take(number: number, holder: string): boolean {
    if (!this.contains(number) || this.#holders.has(number)) return false;
    this.#holders.set(number, holder);
    return true;
  }

  /** Returns the number that `takeNext` would give; undefined if all are held. */
  next(): number | undefined {
    while (
      this.#lowest <= this.#last &&
      (this.#holders.has(this.#lowest) || this.#freed.has(this.#lowest))
    ) this.#lowest++;
    if (this.#lowest <= this.#last) return this.#lowest;
    for (const number of this.#freed) {
      if (this.contains(number) && !this.#holders.has(number)) return number;
      this.#freed.delete(number);
    }
    return undefined;
  }

  takeNext(holder: string): number | undefined {
    const number = this.next();
    if (number !== undefined) this.#holders.set(number, holder);
    return number;
  }
}
