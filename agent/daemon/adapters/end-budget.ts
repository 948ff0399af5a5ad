// How many ends of workloads of other engines are told as events. Others start and end as many as they like, and the log of
// events is for our own as well.

const WINDOW_MS = 60_000;
/** In a window. `oom`: of kills by the kernel, which come on top, so that a loop of crashes does not hide them. */
interface Budget {
  readonly any: number;
  readonly oom: number;
}
const TENANT: Budget = { any: 60, oom: 10 };
/** Whoever starts a container may name its tenant: many names are no way around. */
const ALL: Budget = { any: 600, oom: 100 };
/** Of which the window is kept; the oldest goes first. */
const MOST_TENANTS = 1000;

interface Window {
  readonly at: number;
  any: number;
  oom: number;
}

interface Account {
  window: Window;
  /** Ends since the last that was told. */
  untold: number;
}

export class EndBudget {
  readonly #tenants = new Map<string, Account>();
  #all: Window = { at: Number.NEGATIVE_INFINITY, ...ALL };

  /** How many of this tenant were not told before this one; undefined: nor is this one. `now`: milliseconds, only rising. */
  take(tenant: string, byKernel: boolean, now: number): number | undefined {
    const account = this.#accountOf(tenant);
    account.window = renewed(account.window, TENANT, now);
    this.#all = renewed(this.#all, ALL, now);
    const both = [account.window, this.#all];
    const kinds = byKernel ? (['any', 'oom'] as const) : (['any'] as const);
    const kind = kinds.find((one) => both.every((window) => window[one] > 0));
    if (kind === undefined) {
      account.untold++;
      return undefined;
    }
    for (const window of both) window[kind]--;
    const { untold } = account;
    account.untold = 0;
    return untold;
  }

  #accountOf(tenant: string): Account {
    const account = this.#tenants.get(tenant) ?? { window: { at: Number.NEGATIVE_INFINITY, ...TENANT }, untold: 0 };
    this.#tenants.delete(tenant);
    this.#tenants.set(tenant, account);
    for (const oldest of this.#tenants.keys()) {
      if (this.#tenants.size <= MOST_TENANTS) break;
      this.#tenants.delete(oldest);
    }
    return account;
  }
}

function renewed(window: Window, budget: Budget, now: number): Window {
  return now - window.at >= WINDOW_MS ? { at: now, ...budget } : window;
}
