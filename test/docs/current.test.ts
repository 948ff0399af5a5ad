import test from 'ava';
import { DOCS, documents, outdated, packageFiles } from '../../docs/generate.js';

test('the generated documents are current', (t) => {
  t.deepEqual(outdated(documents(), DOCS), [], 'run `npm run generate`');
});

test('a missing and a changed document are noticed', (t) => {
  const names = outdated(
    new Map([
      ['commands.md', 'other'],
      ['none.md', ''],
    ]),
    DOCS,
  );
  t.deepEqual(names, ['commands.md', 'none.md']);
});

test('the package gets manual pages and completions', (t) => {
  const names = [...packageFiles().keys()];
  t.true(names.includes('man/man1/berth.1'));
  for (const [name, content] of packageFiles()) t.true(content.length > 500, name);
});
