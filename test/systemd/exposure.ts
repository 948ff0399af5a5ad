// The findings of `systemd-analyze security --json=short`, held to the table of systemd/exposure.ts.
import { EXPOSURE, isExplained, staleReasons, type UnitExposure } from '../../systemd/exposure.js';

/** Open findings that the table does not explain, and reasons for findings that are not open. */
export function differences(unit: string, json: string, table: UnitExposure | undefined = EXPOSURE[unit]): string[] {
  if (table === undefined) return [`${unit} has no table`];
  const rows = JSON.parse(json) as { name: string; set: boolean | null; exposure: string | null }[];
  // `set` is null where the directive does not matter to a service that is root.
  const open = rows.filter(({ set, exposure }) => set === false && exposure !== null).map(({ name }) => name);
  return [
    ...open
      .filter((name) => !isExplained(table, name))
      .map((name) => `${unit}: ${name} is open, and no reason is given`),
    ...staleReasons(table, open).map((name) => `${unit}: ${name} has a reason, and is not open`),
  ];
}

export function scoreIn(text: string): number {
  return Number(/exposure level for \S+: ([\d.]+)/.exec(text)?.[1]);
}
