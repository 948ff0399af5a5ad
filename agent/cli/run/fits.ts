import type { FitsAnswer, PlannedVictim } from '../../model/preemption.js';
import type { Answer, Context } from '../command.js';
import { refusalLine } from '../failure.js';
import { readSpecs } from '../specs.js';
import type { Column } from '../table.js';
import { table } from '../table.js';

type Asked = FitsAnswer & { readonly id: string };

export async function run(context: Context): Promise<Answer> {
  const specs = await readSpecs(context);
  const client = await context.client();
  const preempt = context.flag('preempt') ? { preempt: true } : {};
  const answers: Asked[] = [];
  for (const { name, spec } of specs)
    answers.push({ id: name, ...(await client.call('workload.fits', { spec, ...preempt })) });
  return {
    document: { answers },
    text: answers.map((answer) => describe(answer, context)).join(''),
    exit: answers.every((answer) => answer.fits || makesRoom(answer)) ? 0 : 3,
  };
}

function describe(answer: Asked, { style, flag }: Context): string {
  const { id, fits, refusals, more, room, downgraded } = answer;
  const without = downgraded.length === 0 ? [] : [`  without licence ${downgraded.join(', ')}: none is left`];
  if (fits) {
    const count =
      more === null
        ? ''
        : `, ${more} of this shape in all${room[0] === undefined ? '' : ` (then ${where(room[0])} is full)`}`;
    return `${[`${id} ${style.paint('green', 'fits')}${count}`, ...without].join('\n')}\n${flag('room') ? roomTable(answer, style) : ''}`;
  }
  const why = refusals.map((refusal) => [`  ${refusalLine({ ...refusal })}`, `  hint: ${refusal.hint}`]);
  const lines = [
    `${id} ${style.paint('red', 'does not fit')}`,
    ...why.flat(),
    ...going(answer),
    ...plan(answer, style),
    ...without,
  ];
  return `${lines.join('\n')}\n${flag('room') ? roomTable(answer, style) : ''}`;
}

const where = ({ scope, dimension }: FitsAnswer['room'][number]): string => `${dimension} of ${scope}`;

function going({ wouldGo, preemption }: FitsAnswer): string[] {
  if (wouldGo === null || preemption !== null) return [];
  const each = wouldGo.map(({ id, class: of, priority }) => `${id} (${of}, priority ${priority})`);
  return [`  it would fit without ${each.join(', ')}`];
}

function makesRoom({ preemption }: FitsAnswer): boolean {
  return preemption !== null && preemption.left.length === 0;
}

function plan(answer: FitsAnswer, style: Context['style']): string[] {
  const { preemption } = answer;
  if (preemption === null) return [];
  const { mode, victims, left } = preemption;
  if (mode === 'off') return ['  nobody would be evicted: density.preemption of this node is "off"'];
  if (!makesRoom(answer))
    return ['  preemption would not do, even so:', ...left.map((refusal) => `    ${refusalLine({ ...refusal })}`)];
  const rows = table(VICTIMS, victims, style).trimEnd().split('\n');
  return [`  with --preempt these are stopped first, in this order:`, ...rows.map((row) => `    ${row}`)];
}

const VICTIMS: readonly Column<PlannedVictim>[] = [
  { title: 'WORKLOAD', least: 12, cell: ({ id }) => id },
  { title: 'CLASS', cell: ({ class: of }) => of },
  { title: 'PRIORITY', right: true, cell: ({ priority }) => String(priority) },
  { title: 'TENANT', least: 8, cell: ({ tenant }) => tenant },
  { title: 'USE', right: true, cell: ({ excess }) => (excess === null ? '' : `${Math.round(excess * 100)} %`) },
  { title: 'FREES', cell: ({ frees, leaving }) => `${freesText(frees)}${leaving ? ' (stops already)' : ''}` },
];

function freesText(frees: PlannedVictim['frees']): string {
  return frees.map(({ scope, dimension, amount }) => `${dimension} of ${scope} ${amount}`).join(', ');
}

const COLUMNS: readonly Column<FitsAnswer['room'][number]>[] = [
  { title: 'SCOPE', cell: ({ scope }) => scope },
  { title: 'DIMENSION', cell: ({ dimension }) => dimension },
  { title: 'MORE', right: true, cell: ({ more }) => ({ text: String(more), colour: more === 0 ? 'red' : undefined }) },
];

function roomTable({ room }: FitsAnswer, style: Context['style']): string {
  return room.length === 0 ? '' : table(COLUMNS, room, style);
}
