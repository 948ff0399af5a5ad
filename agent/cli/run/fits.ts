import type { FitsAnswer } from '../../service.js';
import type { Answer, Context } from '../command.js';
import { refusalLine } from '../failure.js';
import { readSpecs } from '../specs.js';

export async function run(context: Context): Promise<Answer> {
  const specs = await readSpecs(context);
  const client = await context.client();
  const answers: (FitsAnswer & { readonly id: string })[] = [];
  for (const { name, spec } of specs) answers.push({ id: name, ...(await client.call('workload.fits', { spec })) });
  const lines = answers.flatMap(({ id, fits, refusals }) => {
    if (fits) return [`${id} ${context.style.paint('green', 'fits')}`];
    const why = refusals.map((refusal) => [`  ${refusalLine({ ...refusal })}`, `  hint: ${refusal.hint}`]);
    return [`${id} ${context.style.paint('red', 'does not fit')}`, ...why.flat()];
  });
  return {
    document: { answers },
    text: `${lines.join('\n')}\n`,
    exit: answers.every(({ fits }) => fits) ? 0 : 3,
  };
}
