/**
 * The numbers of one range, each held by at most one name. A number that was never held is preferred to one that
 * was given back; of those the one given back longest ago comes first.
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

  /** Notes that the number was held once; call it oldest first, before numbers are given. */
  free(number: number): void {
    this.#freed.add(number);
  }

  /** Gives this very number; false when it is out of range or somebody holds it. */
  take(number: number, holder: string): boolean {
    if (!this.contains(number) || this.#holders.has(number)) return false;
    this.#holders.set(number, holder);
    return true;
  }

  /** The number that `takeNext` would give; undefined when all are held. */
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
