import test from 'ava';
import { decideName, type HeldState, type NameAction, type NameState } from '../../netns/in-use.js';
import { fc } from '../runner/property.js';

// name, held, whether somebody uses the other namespace, whether the workload runs -> action
const TABLE: [NameState, HeldState, boolean, boolean, NameAction][] = [
  ['right', 'found', false, true, 'keep'],
  ['right', 'none', false, false, 'keep'],
  ['unbound', 'found', false, true, 'rebind'],
  ['unbound', 'found', false, false, 'rebind'],
  ['unbound', 'unseen', false, true, 'report'],
  ['unbound', 'unseen', false, false, 'remake'],
  ['unbound', 'none', false, true, 'remake'],
  ['unbound', 'none', false, false, 'remake'],
  ['other', 'found', false, true, 'rebind'],
  ['other', 'found', true, true, 'report'],
  ['other', 'found', true, false, 'report'],
  ['other', 'unseen', false, true, 'report'],
  ['other', 'none', false, true, 'keep'],
  ['other', 'none', true, false, 'keep'],
];

for (const [name, held, otherInUse, running, action] of TABLE)
  test(`name ${name}, namespace held: ${held}${otherInUse ? ', other in use' : ''}${running ? ', running' : ''} -> ${action}`, (t) => {
    t.is(decideName({ name, held, otherInUse, running }), action);
  });

test('a new namespace is never made while a holder of the old one is known', (t) => {
  const situation = fc.record({
    name: fc.constantFrom<NameState>('unbound', 'right', 'other'),
    held: fc.constantFrom<HeldState>('found', 'unseen', 'none'),
    otherInUse: fc.boolean(),
    running: fc.boolean(),
  });
  fc.assert(
    fc.property(situation, (given) => {
      const action = decideName(given);
      if (given.held === 'found') t.not(action, 'remake');
      if (given.otherInUse && given.name === 'other') t.not(action, 'rebind');
      if (given.running && given.held !== 'none') t.not(action, 'remake');
    }),
  );
});
