import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { EVENTS } from '../../../agent/control/events.js';

const agent = fileURLToPath(new URL('../../../../agent', import.meta.url));

const sources = readdirSync(agent, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && name !== 'control/events.ts')
  .map((name) => readFileSync(join(agent, name), 'utf8'));

test('every event that is told is in the documents', (t) => {
  const told = sources.flatMap((text) =>
    [...text.matchAll(/(?:\btype[:=] ?|(?:tell|event)\()'([a-z]+\.[a-z_]+)'/g)].map((match) => match[1] ?? ''),
  );
  t.true(told.length > 30);
  t.deepEqual(
    [...new Set(told)].filter((type) => EVENTS[type] === undefined),
    [],
  );
});

test('every event in the documents is told by somebody', (t) => {
  const all = sources.join('\n');
  t.deepEqual(
    Object.keys(EVENTS).filter((type) => !all.includes(`'${type}'`)),
    [],
  );
});
