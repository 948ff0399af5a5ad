// How long the last starts waited for their permit.

const KEPT = 512;

export class Waits {
  readonly #ms: number[] = [];
  #next = 0;

  add(ms: number): void {
    this.#ms[this.#next] = ms;
    this.#next = (this.#next + 1) % KEPT;
  }

  summary(): { p50Ms: number; p99Ms: number } | null {
    if (this.#ms.length === 0) return null;
    const sorted = [...this.#ms].sort((a, b) => a - b);
    const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
    return { p50Ms: at(0.5), p99Ms: at(0.99) };
  }
}
