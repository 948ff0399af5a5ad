// Equality selectors as Kubernetes has them: one parser for the protocol and the command.
import test from 'ava';
import { labelName } from '../../../agent/base/values/labels.js';
import { MOST_SELECTOR, parseSelector, selects } from '../../../agent/model/selector.js';
import { BerthError } from '../../../protocol/errors.js';
import { fc, holds } from '../../runner/property.js';

/** Selector, labels that it selects, and labels that it does not. */
const ROWS: readonly (readonly [string, readonly Record<string, string>[], readonly Record<string, string>[]])[] = [
  ['app=web', [{ app: 'web' }, { app: 'web', x: '1' }], [{}, { app: 'db' }, { web: 'app' }, { App: 'web' }]],
  ['app==web', [{ app: 'web' }], [{}, { app: '=web' }]],
  ['app!=web', [{}, { app: 'db' }, { x: 'web' }], [{ app: 'web' }]],
  ['app', [{ app: '' }, { app: 'web' }], [{}, { apps: '1' }]],
  ['!app', [{}, { apps: '1' }], [{ app: '' }]],
  ['app=', [{ app: '' }], [{}, { app: 'web' }]],
  ['url=a=b', [{ url: 'a=b' }], [{ url: 'a' }]],
  ['sign=!x', [{ sign: '!x' }], [{ sign: 'x' }]],
  [
    'app=web,tier!=db,release',
    [{ app: 'web', release: '' }],
    [{ app: 'web' }, { app: 'web', release: '', tier: 'db' }],
  ],
  [' app = web , ! canary ', [{ app: 'web' }], [{ app: 'web', canary: '' }]],
  ['app=a,app=b', [], [{ app: 'a' }, { app: 'b' }]],
  ['a.b/c_d-e=1', [{ 'a.b/c_d-e': '1' }], [{}]],
  ['__proto__', [], [{}]],
  ['toString', [], [{}]],
];

for (const [text, yes, no] of ROWS)
  test(`selects by ${JSON.stringify(text)}`, (t) => {
    const selector = parseSelector(text);
    for (const labels of yes) t.true(selects(selector, labels), JSON.stringify(labels));
    for (const labels of no) t.false(selects(selector, labels), JSON.stringify(labels));
  });

const WRONG: readonly (readonly [string, RegExp])[] = [
  ['', /"" is none of them/],
  [' ', /"" is none of them/],
  ['app=web,', /"" is none of them/],
  [',app', /"" is none of them/],
  ['=web', /"=web" is none of them/],
  ['!', /"!" is none of them/],
  ['!=web', /"!=web" is none of them/],
  ['!app=web', /"!app=web" is none of them/],
  ['a b', /"a b" is none of them/],
  ['app in (a,b)', /"app in \(a" is none of them/],
  ['a>1', /"a>1" is none of them/],
  ['ümlaut', /is none of them/],
  ['a'.repeat(64), /is none of them/],
  ['a'.repeat(MOST_SELECTOR + 1), /at most 4096 characters/],
  [Array.from({ length: 65 }, (_, at) => `a${at}`).join(), /at most 64 parts/],
];

for (const [text, message] of WRONG)
  test(`refuses ${JSON.stringify(text.slice(0, 40))} of ${text.length}`, (t) => {
    const error = t.throws(() => parseSelector(text), { instanceOf: BerthError });
    t.is(error?.code, 'invalid_params');
    t.regex(error?.message ?? '', message);
    t.regex(error?.message ?? '', /^selector: must (be NAME=VALUE|have at most)/);
    t.true((error?.message.length ?? 0) < 300);
  });

test('what a label may be called, a selector may ask for, and nothing else', (t) => {
  const names = fc.oneof(fc.string({ maxLength: 70 }), fc.stringMatching(/^[a-zA-Z0-9_./-]{1,66}$/));
  const isAskable = (name: string): boolean => {
    try {
      return parseSelector(name)[0]?.name === name;
    } catch {
      return false;
    }
  };
  holds(
    t,
    fc.property(names, (name) => isAskable(name) === labelName.safeParse(name).success),
    { numRuns: 500 },
  );
});

test('equal and unequal, there and not there, are each the other turned round', (t) => {
  const word = fc.stringMatching(/^[ab]{1,2}$/);
  const labels = fc.dictionary(word, word, { maxKeys: 3 });
  holds(
    t,
    fc.property(word, word, labels, (name, value, some) => {
      const by = (text: string): boolean => selects(parseSelector(text), some);
      return by(`${name}=${value}`) === !by(`${name}!=${value}`) && by(name) === !by(`!${name}`);
    }),
  );
});
