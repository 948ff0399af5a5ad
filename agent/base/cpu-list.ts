// Lists of cpus and memory nodes as the kernel prints and takes them (cpuset(7), "List format"): `0-3,8,10-11`.

const ITEM = /^(\d{1,5})(?:-(\d{1,5}))?$/;
/** Above CONFIG_NR_CPUS of any distribution; keeps `0-99999` from becoming a list of that length. */
const MAX = 8192;

/** Ascending, each once; empty for an empty text; undefined when it is no such list. */
export function parseCpuList(text: string): number[] | undefined {
  const found = new Set<number>();
  if (text.trim() === '') return [];
  for (const item of text.trim().split(',')) {
    const match = ITEM.exec(item);
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? from);
    if (match === null || to < from || to >= MAX) return undefined;
    for (let cpu = from; cpu <= to; cpu++) found.add(cpu);
  }
  return [...found].sort((a, b) => a - b);
}

/** As the kernel prints it: ascending, runs as ranges. */
export function formatCpuList(cpus: Iterable<number>): string {
  const ascending = [...new Set(cpus)].sort((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const cpu of ascending) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === cpu - 1) last[1] = cpu;
    else runs.push([cpu, cpu]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}
