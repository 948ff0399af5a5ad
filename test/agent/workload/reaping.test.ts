// Whose it is, who has it, how old it is, whether a record explains it: what becomes of it and why, for every combination.
import test from 'ava';
import { parseNamespaceTag, parseTag, whoseIs } from '../../../agent/model/tags.js';
import { type Candidate, judge, type Kept, type Rules } from '../../../agent/workload/reaping.js';

const OURS = '1a2b3c4d';
const THEIRS = '99999999';
const OTHER = { id: THEIRS, state: '/var/lib/other', pid: 7 };
const GUARD_MS = 300_000;

/** What is written on an object, as each kind keeps it: a whole tag, or on a namespace only whose it is. */
const WRITTEN = {
  link: { ours: `berth:${OURS}:web-1`, theirs: `berth:${THEIRS}:web-1`, former: 'berth:web-1' },
  cgroup: { ours: `berth:${OURS}:web-1`, theirs: `berth:${THEIRS}:web-1`, former: 'berth:web-1' },
  directory: { ours: `berth:${OURS}:web-1`, theirs: `berth:${THEIRS}:web-1`, former: undefined },
  netns: { ours: `berth:${OURS}`, theirs: `berth:${THEIRS}`, former: undefined },
} as const;
type Kind = keyof typeof WRITTEN;

function installationOf(kind: Kind, whose: keyof (typeof WRITTEN)[Kind]): string | null {
  const text = WRITTEN[kind][whose];
  return kind === 'netns' ? parseNamespaceTag(text ?? null) : (parseTag(text)?.installation ?? null);
}

/** In this order the first that holds: of another, recorded, in use, whose is not known beside others, young. */
function expected(candidate: Candidate, rules: Rules): Kept | 'remove' {
  if (candidate.installation === THEIRS) return 'foreign';
  if (candidate.recorded) return 'recorded';
  if (candidate.heldBy !== null) return 'in_use';
  if (candidate.installation === null && rules.others.length > 0) return 'unclear';
  return rules.now || candidate.ageMs >= GUARD_MS ? 'remove' : 'young';
}

const yesNo = [true, false];

for (const kind of Object.keys(WRITTEN) as Kind[])
  for (const whose of ['ours', 'theirs', 'former'] as const)
    test(`a ${kind} of ${whose}: reaped only when no record, no supervisor, no other installation and no age speaks for it`, (t) => {
      let removed = 0;
      for (const held of yesNo)
        for (const young of yesNo)
          for (const recorded of yesNo)
            for (const alone of yesNo)
              for (const now of yesNo) {
                const candidate: Candidate = {
                  ...{ id: 'web-1', installation: installationOf(kind, whose), recorded },
                  heldBy: held ? 'process 41 is in it' : null,
                  ageMs: young ? GUARD_MS - 1 : GUARD_MS,
                };
                const rules: Rules = { ours: OURS, others: alone ? [] : [OTHER], guardMs: GUARD_MS, now };
                const verdict = judge(candidate, rules);
                const said = verdict.action === 'remove' ? 'remove' : verdict.reason;
                t.is(said, expected(candidate, rules), JSON.stringify({ candidate, rules }));
                removed += Number(said === 'remove');
                // The rules that hold whatever else there is.
                if (whose === 'theirs' || held || recorded) t.is(verdict.action, 'keep');
                if (said === 'foreign') t.true(verdict.why.includes(`of installation ${THEIRS}`), verdict.why);
                if (said === 'in_use') t.true(verdict.why.includes('process 41'), verdict.why);
                if (said === 'young') t.is(verdict.why, 'too young (299 s of 300 s)');
                if (said === 'unclear' || (said === 'foreign' && !alone)) t.true(verdict.why.includes(OTHER.state));
              }
      t.is(removed, { ours: 6, theirs: 0, former: 3 }[whose]);
    });

test('tags of this version, of the version before, and what is none', (t) => {
  t.deepEqual(parseTag('berth:1a2b3c4d:web-1'), { installation: OURS, id: 'web-1' });
  t.deepEqual(parseTag('berth:web-1'), { installation: null, id: 'web-1' });
  // An id may look like that of an installation.
  t.deepEqual(parseTag('berth:deadbeef'), { installation: null, id: 'deadbeef' });
  for (const text of [undefined, '', 'berth', 'berth:', 'bench-berth:1', 'berth-slot-1a2b3c4d', 'berth:x:y'])
    t.is(parseTag(text), undefined, text);
  t.is(parseNamespaceTag('berth:1a2b3c4d'), OURS);
  for (const text of [null, '', 'berth:web-1', 'uplink of rack 3', 'berth:1a2b3c4d:web-1'])
    t.is(parseNamespaceTag(text), null, text ?? '');
  t.deepEqual(
    [OURS, THEIRS, null].map((id) => whoseIs(id, OURS)),
    ['ours', 'another', 'unknown'],
  );
});
