import test from 'ava';
import { placementSchema } from '../../../agent/config/placement.js';

test('without a word cpus are static, whole cores, on as few nodes as possible', (t) => {
  t.deepEqual(placementSchema.parse({}), { policy: 'static', smt: 'core', numa: 'prefer' });
});

test('every key says what it means, and others are errors', (t) => {
  for (const schema of Object.values(placementSchema.shape)) t.regex(schema.meta()?.description ?? '', /: /);
  t.false(placementSchema.safeParse({ policy: 'dynamic' }).success);
  t.false(placementSchema.safeParse({ cpus: '0' }).success);
});
