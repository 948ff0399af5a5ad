// Work that nobody can call off once it has begun: a name lookup, a read of a file system that does not answer. Each holds a
// thread of the pool that every file of the process needs, so that who asks again waits for the one that is under way.

export class Joined<T> {
  readonly #underWay = new Map<string, Promise<T>>();

  get size(): number {
    return this.#underWay.size;
  }

  /** What `work` yields, or what an earlier call with this key that has not ended yet yields. */
  run(key: string, work: () => Promise<T>): Promise<T> {
    const earlier = this.#underWay.get(key);
    if (earlier !== undefined) return earlier;
    const mine = work().finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, mine);
    return mine;
  }
}
