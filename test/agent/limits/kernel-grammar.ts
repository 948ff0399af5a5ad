// What the kernel takes in each file that berth writes, from Documentation/admin-guide/cgroup-v2.rst and the parsers behind it:
// a value that is outside is refused, cut or taken for something else. Pure.
import type { Value } from '../../../cgroups/types.js';

const U64 = 2 ** 53 - 1;
const INT = 2 ** 31 - 1;
const UINT = 2 ** 32 - 1;

type Rule = (value: string) => boolean;

const integer =
  (least: number, most: number): Rule =>
  (text) =>
    /^(?:0|[1-9]\d*)$/.test(text) && Number(text) >= least && Number(text) <= most;
const orMax =
  (rule: Rule): Rule =>
  (text) =>
    text === 'max' || rule(text);
/** mm/page_counter.c, page_counter_memparse: bytes, cut to whole pages. */
const bytes = orMax(integer(0, U64));
const flag: Rule = (text) => text === '0' || text === '1';
const list: Rule = (text) => /^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/.test(text);
/** kernel/sched/core.c, capacity_from_percent: two digits after the point, up to 100. */
const percent: Rule = (text) => text === 'max' || (/^\d{1,3}(?:\.\d{1,2})?$/.test(text) && Number(text) <= 100);

/** kernel/sched/core.c, tg_set_cfs_bandwidth: period 1 ms to 1 s, quota at least 1 ms. */
const cpuMax: Rule = (text) => {
  const [quota = '', period = '', ...more] = text.split(' ');
  return more.length === 0 && orMax(integer(1000, 2 ** 44))(quota) && integer(1000, 1_000_000)(period);
};

const DEVICE = /^\d{1,4}:\d{1,7}$/;
const keyed =
  (first: (text: string) => boolean, rules: Readonly<Record<string, Rule>>): Rule =>
  (text) => {
    const [head = '', ...words] = text.split(' ');
    return (
      first(head) &&
      words.length > 0 &&
      words.every((word) => {
        const [name = '', value = ''] = word.split('=');
        return rules[name]?.(value) ?? false;
      })
    );
  };
const device = (text: string): boolean => DEVICE.test(text);
const named = (text: string): boolean => /^[\w.:/-]{1,127}$/.test(text);

const RULES: Readonly<Record<string, Rule>> = {
  'cpu.max': cpuMax,
  'cpu.max.burst': integer(0, 2 ** 44),
  'cpu.weight': integer(1, 10_000),
  'cpu.idle': flag,
  'cpu.uclamp.min': percent,
  'cpu.uclamp.max': percent,
  'cpuset.cpus': list,
  'cpuset.mems': list,
  'memory.min': bytes,
  'memory.low': bytes,
  'memory.high': bytes,
  'memory.max': bytes,
  'memory.swap.max': bytes,
  'memory.swap.high': bytes,
  'memory.zswap.max': bytes,
  'memory.zswap.writeback': flag,
  'memory.oom.group': flag,
  'pids.max': orMax(integer(0, 4_194_304)),
  'cgroup.max.descendants': orMax(integer(0, INT)),
  'io.weight': (text) => {
    const [head = '', weight = '', ...more] = text.split(' ');
    return more.length === 0 && (head === 'default' || device(head)) && integer(1, 10_000)(weight);
  },
  // block/blk-throttle.c: rates u64 and not 0, operations at most UINT_MAX.
  'io.max': keyed(device, {
    rbps: orMax(integer(1, U64)),
    wbps: orMax(integer(1, U64)),
    riops: orMax(integer(1, UINT)),
    wiops: orMax(integer(1, UINT)),
  }),
  'io.latency': keyed(device, { target: integer(0, U64) }),
  // kernel/cgroup/rdma.c: an int.
  'rdma.max': keyed(named, { hca_handle: orMax(integer(0, INT)), hca_object: orMax(integer(0, INT)) }),
  'misc.max': (text) => {
    const [head = '', value = '', ...more] = text.split(' ');
    return more.length === 0 && named(head) && orMax(integer(0, U64))(value);
  },
  'dmem.max': (text) => {
    const [head = '', value = '', ...more] = text.split(' ');
    return more.length === 0 && named(head) && orMax(integer(0, U64))(value);
  },
};

const PAGES: Readonly<Record<string, number>> = {
  '64KB': 2 ** 16,
  '2MB': 2 ** 21,
  '32MB': 2 ** 25,
  '512MB': 2 ** 29,
  '1GB': 2 ** 30,
  '16GB': 2 ** 34,
};

function ruleOf(file: string): Rule | undefined {
  const [, page = ''] = /^hugetlb\.(\w+?)(?:\.rsvd)?\.max$/.exec(file) ?? [];
  const size = PAGES[page];
  // mm/hugetlb_cgroup.c rounds down to whole pages of the size.
  if (size !== undefined) return (text) => integer(0, U64)(text) && Number(text) % size === 0;
  return RULES[file];
}

const KEYED = new Set(['io.max', 'io.latency', 'io.weight', 'rdma.max', 'misc.max', 'dmem.max']);

/** One sentence for each value that the kernel would not take as it is, or that no rule here is for. */
export function wrongValues(values: readonly Value[]): string[] {
  const seen = new Set<string>();
  return values.flatMap(({ file, value }) => {
    const rule = ruleOf(file);
    if (rule === undefined) return [`no rule for ${file}`];
    const lines = value.split('\n');
    // Of two lines for one device the kernel keeps the second, and nobody is told of the first.
    const places = KEYED.has(file) ? lines.map((line) => `${file} ${line.split(' ')[0]}`) : [];
    const twice = places.filter((place) => seen.has(place) || !seen.add(place));
    if (twice.length > 0) return twice.map((place) => `${place} twice`);
    return lines.every(rule) ? [] : [`${file} takes no ${JSON.stringify(value)}`];
  });
}
