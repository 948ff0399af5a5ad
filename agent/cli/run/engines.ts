// `berth engine list | show`, and `berth workload list --engine`.
import { BerthError } from '../../../protocol/errors.js';
import { MOST_ON_PAGE } from '../../base/pages.js';
import { formatSize } from '../../base/units.js';
import {
  type AdoptedLimits,
  type AdoptedView,
  ENGINE_NAMES,
  type EngineName,
  type EngineView,
} from '../../model/adopted.js';
import type { Answer, Client, Context } from '../command.js';
import { pages } from '../pages.js';
import type { Colour } from '../style.js';
import { ALL_ENGINES } from '../table/options.js';
import { type Column, facts, table } from '../table.js';

const COLOURS: Partial<Record<EngineView['state'], Colour>> = { up: 'green', names: 'green', unreachable: 'red' };

export async function list(context: Context): Promise<Answer> {
  const { engines } = await (await context.client()).call('engine.list', {});
  const columns: readonly Column<EngineView>[] = [
    { title: 'ENGINE', cell: ({ name }) => name },
    { title: 'STATE', cell: ({ state }) => ({ text: state, colour: COLOURS[state] }) },
    { title: 'AUTHORITY', cell: ({ authority }) => authority },
    { title: 'WORKLOADS', right: true, cell: ({ workloads }) => String(workloads) },
    { title: 'SOCKET', least: 12, cell: ({ socket }) => socket ?? '' },
    { title: 'PROBLEM', cell: ({ why }) => why ?? '' },
  ];
  return { document: { engines }, text: table(columns, engines, context.style) };
}

export async function show(context: Context): Promise<Answer> {
  const client = await context.client();
  const name = engineNamed(context.args[0] ?? '');
  const { engine, workloads } = await whole(client, name);
  const about = facts(
    [
      ['Engine', name],
      ['State', engine?.state],
      ['Authority', engine?.authority],
      ['Socket', engine?.socket ?? ''],
      ['Problem', engine?.why ?? ''],
    ],
    context.style,
  );
  const rows = workloads.length === 0 ? '' : `\n${table(WORKLOADS, workloads, context.style)}`;
  return { document: { engine, workloads }, text: about + rows };
}

/** `berth list --engine NAME`, or of all engines. */
export async function workloadsOf(context: Context, asked: string): Promise<Answer> {
  const client = await context.client();
  const names =
    asked === ALL_ENGINES
      ? (await client.call('engine.list', {})).engines.filter(({ workloads }) => workloads > 0).map(({ name }) => name)
      : [engineNamed(asked)];
  const workloads: AdoptedView[] = [];
  for (const name of names) workloads.push(...(await whole(client, name)).workloads);
  const text = workloads.length === 0 ? 'No workloads.\n' : table([ENGINE, ...WORKLOADS], workloads, context.style);
  return { document: { workloads }, text };
}

interface Whole {
  readonly engine: EngineView | undefined;
  readonly workloads: readonly AdoptedView[];
}

/** The engine as the first page has it. */
async function whole(client: Client, name: EngineName): Promise<Whole> {
  const workloads: AdoptedView[] = [];
  let engine: EngineView | undefined;
  for await (const answer of pages(client, 'engine.get', { engine: name }, MOST_ON_PAGE)) {
    engine ??= answer.engine;
    workloads.push(...answer.workloads);
  }
  return { engine, workloads };
}

function engineNamed(asked: string): EngineName {
  const name = ENGINE_NAMES.find((one) => one === asked);
  if (name !== undefined) return name;
  const known = `it knows ${ENGINE_NAMES.join(', ')}`;
  throw new BerthError('usage', `berth knows no engine ${JSON.stringify(asked)}; ${known}`);
}

type Amount = keyof AdoptedLimits;

/** In use of the limit. */
function amount(title: string, of: Amount, format: (amount: number) => string): Column<AdoptedView> {
  const cell = ({ use, limits }: AdoptedView): string => {
    const [used, limit] = [use[of], limits[of]];
    return `${used === null ? '-' : format(used)}/${limit === null ? 'none' : format(limit)}`;
  };
  return { title, right: true, cell };
}

const ENGINE: Column<AdoptedView> = { title: 'ENGINE', cell: ({ engine }) => engine };

const WORKLOADS: readonly Column<AdoptedView>[] = [
  { title: 'NAME', least: 12, cell: ({ name }) => name },
  { title: 'ID', cell: ({ id }) => id.slice(0, 12) },
  { title: 'TENANT', least: 8, cell: ({ tenant }) => tenant },
  amount('CPU', 'cpu', (cores) => String(Math.round(cores * 1000) / 1000)),
  amount('MEMORY', 'memory', formatSize),
  amount('PIDS', 'pids', String),
  { title: 'COUNTED', cell: ({ within }) => (within === null ? 'yes' : `in ${within}`) },
  { title: 'IMAGE', least: 12, cell: ({ image }) => image ?? '' },
];
