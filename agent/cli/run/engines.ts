// `berth engine list | show`.
import { BerthError } from '../../base/errors.js';
import { MOST_ON_PAGE } from '../../base/pages.js';
import { formatSize } from '../../base/units.js';
import { type AdoptedWorkload, ENGINE_NAMES, type EngineView } from '../../model/adopted.js';
import type { Answer, Context } from '../command.js';
import { pages } from '../pages.js';
import type { Colour } from '../style.js';
import { type Column, facts, table } from '../table.js';

const COLOURS: Partial<Record<EngineView['state'], Colour>> = { up: 'green', names: 'green', unreachable: 'red' };

export async function list(context: Context): Promise<Answer> {
  const { engines } = await (await context.client()).call('engine.list', {});
  const columns: readonly Column<EngineView>[] = [
    { title: 'ENGINE', cell: ({ name }) => name },
    { title: 'STATE', cell: ({ state }) => ({ text: state, colour: COLOURS[state] }) },
    { title: 'AUTHORITY', cell: ({ authority }) => authority },
    { title: 'WORKLOADS', right: true, cell: ({ workloads }) => String(workloads) },
    { title: 'SOCKET', cell: ({ socket }) => socket ?? '' },
    { title: 'PROBLEM', cell: ({ why }) => why ?? '' },
  ];
  return { document: { engines }, text: table(columns, engines, context.style) };
}

export async function show(context: Context): Promise<Answer> {
  const client = await context.client();
  const asked = context.args[0] ?? '';
  const name = ENGINE_NAMES.find((one) => one === asked);
  if (name === undefined)
    throw new BerthError(
      'usage',
      `berth knows no engine ${JSON.stringify(asked)}; it knows ${ENGINE_NAMES.join(', ')}`,
    );
  const workloads: AdoptedWorkload[] = [];
  let engine: EngineView | undefined;
  for await (const answer of pages(client, 'engine.get', { engine: name }, MOST_ON_PAGE)) {
    engine ??= answer.engine;
    workloads.push(...answer.workloads);
  }
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

const WORKLOADS: readonly Column<AdoptedWorkload>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'ID', cell: ({ id }) => id.slice(0, 12) },
  { title: 'TENANT', cell: ({ tenant }) => tenant },
  {
    title: 'CPU',
    right: true,
    cell: ({ limits: { cpu } }) => (cpu === null ? 'none' : String(Math.round(cpu * 1000) / 1000)),
  },
  { title: 'MEMORY', right: true, cell: ({ limits: { memory } }) => (memory === null ? 'none' : formatSize(memory)) },
  { title: 'PIDS', right: true, cell: ({ limits: { pids } }) => (pids === null ? 'none' : String(pids)) },
  { title: 'COUNTED', cell: ({ within }) => (within === null ? 'yes' : `in ${within}`) },
  { title: 'IMAGE', cell: ({ image }) => image ?? '' },
];
