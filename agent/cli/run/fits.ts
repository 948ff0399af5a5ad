import type { FitsAnswer } from '../../service.js';
import type { Answer, Context } from '../command.js';
import { refusalLine } from '../failure.js';
import { readSpecs } from '../specs.js';
import type { Column } from '../table.js';
import { table } from '../table.js';

type Asked = FitsAnswer & { readonly id: string };

export async function run(context: Context): Promise<Answer> {
  const specs = await readSpecs(context);
  const client = await context.client();
  const answers: Asked[] = [];
  for (const { name, spec } of specs) answers.push({ id: name, ...(await client.call('workload.fits', { spec })) });
  return {
    document: { answers },
    text: answers.map((answer) => describe(answer, context)).join(''),
    exit: answers.every(({ fits }) => fits) ? 0 : 3,
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
  const lines = [`${id} ${style.paint('red', 'does not fit')}`, ...why.flat(), ...going(answer), ...without];
  return `${lines.join('\n')}\n${flag('room') ? roomTable(answer, style) : ''}`;
}

const where = ({ scope, dimension }: FitsAnswer['room'][number]): string => `${dimension} of ${scope}`;

function going({ wouldGo }: FitsAnswer): string[] {
  if (wouldGo === null) return [];
  const each = wouldGo.map(({ id, class: of, priority }) => `${id} (${of}, priority ${priority})`);
  return [`  it would fit without ${each.join(', ')}`];
}

const COLUMNS: readonly Column<FitsAnswer['room'][number]>[] = [
  { title: 'SCOPE', cell: ({ scope }) => scope },
  { title: 'DIMENSION', cell: ({ dimension }) => dimension },
  { title: 'MORE', right: true, cell: ({ more }) => ({ text: String(more), colour: more === 0 ? 'red' : undefined }) },
];

function roomTable({ room }: FitsAnswer, style: Context['style']): string {
  return room.length === 0 ? '' : table(COLUMNS, room, style);
}
