import test from 'ava';
import * as z from 'zod';
import { sentenceOf, wrongFields } from '../../../agent/base/wrong-fields.js';

const schema = z.strictObject({
  count: z.number().int().min(0).max(10).optional(),
  share: z.number().positive().max(4096).optional(),
  name: z.string().min(1).max(3).optional(),
  level: z.enum(['low', 'high']).optional(),
  list: z.array(z.string()).min(1).optional(),
  size: z.union([z.string(), z.number()]).optional(),
  by: z.record(z.string().regex(/^[a-z]+$/, 'must be letters'), z.number().min(1)).optional(),
  env: z.record(z.string(), z.string()).optional(),
  at: z.strictObject({ x: z.number() }).optional(),
});

const said = (input: unknown): string => {
  const { error } = schema.safeParse(input);
  return error === undefined ? '' : sentenceOf(wrongFields(error, input, '(spec)'));
};

const cases: readonly [input: unknown, sentence: string][] = [
  [{ count: -1 }, 'count: must be at least 0 (it is -1)'],
  [{ count: 1.5 }, 'count: must be a whole number (it is 1.5)'],
  [{ count: 1e20 }, 'count: must be at most 9007199254740991 (it is 100000000000000000000)'],
  [{ count: '1e300' }, 'count: must be a number (it is "1e300")'],
  [{ count: null }, 'count: must be a number'],
  [{ share: 0 }, 'share: must be more than 0 (it is 0)'],
  [{ share: 1e308 }, 'share: must be at most 4096 (it is 1e+308)'],
  [{ name: '' }, 'name: must have at least 1 character (it is "")'],
  [{ name: '😀😀😀😀' }, 'name: must have at most 3 characters (it is "😀😀😀😀")'],
  [{ size: true }, 'size: must be a string or a number (it is true)'],
  [{ name: 'x'.repeat(5000) }, 'name: must have at most 3 characters'],
  [{ level: 'loud' }, 'level: must be one of "low", "high" (it is "loud")'],
  [{ list: [] }, 'list: must have at least 1 entry'],
  [{ list: 'a' }, 'list: must be a list (it is "a")'],
  [{ list: ['a', 5] }, 'list.1: must be a string (it is 5)'],
  [{ by: { dö: 1 } }, 'by.dö: as a name: must be letters'],
  [{ by: { a: 0 } }, 'by.a: must be at least 1 (it is 0)'],
  [{ wörk: 1, work: 2 }, 'wörk: is not known here; work: is not known here'],
  [{ at: {} }, 'at.x: is missing'],
  [{ at: { x: 1, y: 2 } }, 'at.y: is not known here'],
  [5, '(spec): must be an object (it is 5)'],
  [null, '(spec): must be an object'],
];

for (const [input, sentence] of cases)
  test(`${JSON.stringify(input).slice(0, 40)} is answered in words`, (t) => {
    t.is(said(input), sentence);
  });

test('a value of an environment is not repeated, it may be a secret', (t) => {
  t.is(said({ env: { TOKEN: 1234 } }), 'env.TOKEN: must be a string');
});
