// What the host has once for all workloads: nft tables and bridges. A part that cannot be set up is a condition until it can:
// workloads that run go on with what stands, and the kernel refuses new ones that need the part.
import type { NetworkRoom, RoomSettings, SetupProblem } from '../../netns/types.js';
import { BerthError } from '../../protocol/errors.js';
import { reportOf } from '../base/errors.js';
import type { Condition } from '../model/condition.js';

const FIX = {
  tables: 'Install the Debian package nftables, and load the kernel modules that the message names.',
  bridge: 'Rename or delete the link that has the name, or name another bridge in section [network].',
} as const;

/** As the error that ends the start of a new installation. */
export function setupFailed({ bridge, error }: SetupProblem): BerthError {
  const what = bridge === null ? 'the nft tables' : `bridge ${bridge}`;
  return new BerthError('network_setup_failed', `berth cannot set up ${what}: ${reportOf(error).message}`, {
    ...{ cause: error, data: { bridge } },
    hint: bridge === null ? FIX.tables : FIX.bridge,
  });
}

export class NetworkSetup {
  readonly #room: Pick<NetworkRoom, 'setupParts'>;
  readonly #settings: RoomSettings;
  #problems: readonly SetupProblem[] = [];

  constructor(room: Pick<NetworkRoom, 'setupParts'>, settings: RoomSettings) {
    this.#room = room;
    this.#settings = settings;
  }

  /** Resolves with the parts that failed. Never rejects: when the network thread does not answer, that is the problem. */
  async run(): Promise<readonly SetupProblem[]> {
    this.#problems = await this.#room
      .setupParts(this.#settings)
      .catch((error: unknown): SetupProblem[] => [
        { bridge: null, error: error instanceof Error ? error : new Error(String(error)) },
      ]);
    return this.#problems;
  }

  /** Once a minute: nothing while all stands. */
  async retry(): Promise<void> {
    if (this.#problems.length > 0) await this.run();
  }

  /** As `run`; throws the first error. */
  async repair(): Promise<void> {
    const [problem] = await this.run();
    if (problem !== undefined) throw problem.error;
  }

  /** A source of the node's conditions. */
  conditions(): readonly Condition[] {
    if (this.#problems.length === 0) return [];
    const parts = this.#problems.map(({ bridge }) => (bridge === null ? 'the nft tables' : `bridge ${bridge}`));
    const causes = this.#problems.map(({ error }) => reportOf(error).message);
    const tables = this.#problems.some(({ bridge }) => bridge === null);
    return [
      {
        ...{ code: 'network_setup_failed', severity: 'error' },
        title: `berth cannot set up ${parts.join(' and ')}`,
        why: `${causes.join('; ')}. Workloads that run go on; new ones that need it fail to start`,
        fix: `${tables ? FIX.tables : FIX.bridge} berth tries again each minute.`,
        ...(tables ? { blocksReady: true as const } : {}),
      },
    ];
  }
}
