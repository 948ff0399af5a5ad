import test from 'ava';
import { calm, decide } from '../../../agent/pressure/ladder.js';
import type { LadderSettings } from '../../../agent/pressure/settings.js';
import type { Action, Candidate, LadderState, Reading } from '../../../agent/pressure/types.js';
import { CALM, candidate, GIB, HEAVY, MIB, reading, settings } from './fixture.js';

const HOG = candidate(
  'hog',
  { class: 'besteffort', canBalloon: true },
  { memory: GIB, growth: 50 * MIB, cpu: 1, reclaimable: 200 * MIB },
);
const WEB = candidate('web', { class: 'burstable' }, { memory: 512 * MIB, reclaimable: 100 * MIB });
const DB = candidate('db', { class: 'guaranteed' }, { memory: 2 * GIB, reclaimable: GIB, growth: 90 * MIB, cpu: 1 });

/** A run of the ladder, one decision a second; `read` says the pressure at each second, `said` what was done until then. */
function run(
  seconds: number,
  read: (second: number, said: readonly string[]) => Reading,
  options: {
    settings?: LadderSettings;
    candidates?: (killed: readonly string[]) => readonly Candidate[];
    from?: LadderState;
  } = {},
) {
  let state = options.from ?? calm(0);
  const said: string[] = [];
  const actions: (Action & { second: number })[] = [];
  const killed: string[] = [];
  for (let second = 0; second < seconds; second++) {
    const there = options.candidates?.(killed) ?? [HOG, WEB, DB].filter(({ id }) => !killed.includes(id));
    const decision = decide(state, read(second, said), there, options.settings ?? settings(), second * 1000);
    state = decision.state;
    for (const action of decision.actions) {
      actions.push({ ...action, second });
      said.push(`${second} ${action.kind} ${action.target}`);
      if (action.kind === 'kill') killed.push(action.target);
    }
  }
  return { state, said, actions, killed };
}

test('calm does nothing and stays calm', (t) => {
  const { state, said } = run(60, () => CALM);
  t.deepEqual(said, []);
  t.is(state.level, 'calm');
});

test('steps come in order, one rung at a time, with the cool-down between; the guaranteed workload is never touched', (t) => {
  const { said, state } = run(41, () => HEAVY);
  t.deepEqual(
    said,
    [
      ...['0 suppress hog', '4 reclaim hog', '8 reclaim hog', '12 balloon hog', '16 balloon hog'],
      ...['20 freeze hog', '20 reclaim hog', '24 freeze web', '24 reclaim web', '28 kill hog'],
    ].map((line) => line),
  );
  t.is(state.level, 'act');
});

test('a rung without anything to do is passed over in the same decision, with the reason', (t) => {
  const idle = candidate('idle', { class: 'besteffort' }, { memory: GIB });
  const { actions, said } = run(6, () => HEAVY, { candidates: () => [idle, DB] });
  t.deepEqual(said, ['5 freeze idle']);
  t.deepEqual(
    actions[0]?.skipped.map(({ step }) => step),
    ['suppress', 'reclaim', 'balloon'],
  );
  t.regex(actions[0]?.skipped[0]?.reason ?? '', /nobody of a lower class grows/);
  t.regex(actions[0]?.skipped[1]?.reason ?? '', /nobody has page cache/);
});

test('an action says what led to it: pressure, threshold, duration, and who else came into question', (t) => {
  const { actions } = run(6, () => HEAVY, { settings: settings({ steps: ['freeze'] }) });
  t.is(actions[0]?.why, 'memory full 400 ms/s, threshold 100 ms/s; level act for 5000 ms');
  t.like(actions[0]?.ranked, [
    { id: 'hog', tenant: 'acme', class: 'besteffort', priority: 100, over: GIB - 64 * MIB, usage: GIB },
    { id: 'web', class: 'burstable' },
  ]);
});

test('warn-level pressure takes only the steps that nobody has to notice', (t) => {
  const { said, state } = run(60, () => reading({ some: 200, full: 20 }));
  t.deepEqual(said, ['0 suppress hog', '4 reclaim hog', '8 reclaim hog']);
  t.is(state.level, 'warn');
  t.regex(state.idle ?? '', /balloon waits: pressure is not at level act/);
});

test('suppress for memory slows the fastest growing of the lowest class to a tenth of its cpu', (t) => {
  const slow = candidate('slow', { class: 'besteffort' }, { growth: 2 * MIB, cpu: 2 });
  const fast = candidate('fast', { class: 'besteffort' }, { growth: 80 * MIB, cpu: 2 });
  const faster = candidate('faster', {}, { growth: 200 * MIB, cpu: 2 });
  const { actions } = run(1, () => HEAVY, { candidates: () => [slow, fast, faster] });
  t.like(actions, [
    { kind: 'suppress', target: 'fast', applied: { values: [{ file: 'cpu.max', value: '20000 100000' }] } },
  ]);
});

test('a burstable workload within its request is not suppressed, and a burst is taken away before the quota', (t) => {
  const within = candidate('within', { request: { cpu: 1, memory: GIB } }, { growth: 80 * MIB, cpu: 2 });
  t.deepEqual(run(1, () => HEAVY, { candidates: () => [within] }).said, []);
  const burst = candidate('b', { limit: { cpu: 2, memory: null, io: false, burst: true } }, { growth: MIB, cpu: 0.1 });
  const { actions } = run(1, () => HEAVY, { candidates: () => [burst] });
  t.like(actions[0], {
    applied: {
      values: [
        { file: 'cpu.max.burst', value: '0' },
        { file: 'cpu.max', value: '5000 100000' },
      ],
    },
  });
});

test('reclaim goes where most can be had, half of it at most, and no further than the goal', (t) => {
  const a = candidate('a', { class: 'besteffort' }, { reclaimable: 60 * MIB });
  const b = candidate('b', { class: 'besteffort' }, { reclaimable: 120 * MIB });
  const c = candidate('c', {}, { reclaimable: GIB });
  const { actions } = run(1, () => HEAVY, { candidates: () => [a, b, c] });
  // A twentieth of the 2 GiB in use is wanted.
  t.like(actions, [
    { kind: 'reclaim', target: 'b', bytes: 60 * MIB },
    { kind: 'reclaim', target: 'a', bytes: 30 * MIB },
    { kind: 'reclaim', target: 'c', bytes: Math.floor(2 * GIB * 0.05) - 90 * MIB },
  ]);
});

test('a balloon grows by what the guest has beyond its request, and is deflated in the end', (t) => {
  const guest = candidate('vm', { canBalloon: true, request: { cpu: 1, memory: 200 * MIB } }, { memory: 256 * MIB });
  const { actions } = run(60, (second) => (second < 5 ? HEAVY : CALM), {
    ...{ candidates: () => [guest], settings: settings({ steps: ['balloon'] }) },
  });
  t.like(actions, [
    { kind: 'balloon', applied: { bytes: 56 * MIB } },
    { kind: 'balloon', applied: { bytes: 112 * MIB } },
    { kind: 'deflate', applied: null },
  ]);
});

test('short of available memory is act-level whatever the pressure, and freezes without delay', (t) => {
  const short = reading({}, { available: { bytes: 60 * MIB, total: 4 * GIB } });
  const { actions, state } = run(1, () => short, { settings: settings({ steps: ['freeze', 'kill'] }) });
  t.is(state.level, 'act');
  t.like(actions[0], { kind: 'freeze', target: 'hog' });
  t.regex(actions[0]?.why ?? '', /available memory 60Mi, less than 163.8Mi/);
  const { said } = run(8, () => short, { settings: settings({ min_available: '50Mi' }) });
  t.deepEqual(said, []);
});

test('nothing is killed before act-level pressure has gone on for kill_after without a break', (t) => {
  const only = settings({ steps: ['kill'], kill_after: '20s' });
  t.deepEqual(run(21, () => HEAVY, { settings: only }).said, ['20 kill hog']);
  const broken = (second: number) => (second % 15 === 14 ? reading({ full: 30 }) : HEAVY);
  t.deepEqual(run(120, broken, { settings: only }).said, []);
  const dented = (second: number) => (second % 15 === 14 ? reading({ full: 60 }) : HEAVY);
  t.deepEqual(run(21, dented, { settings: only }).said, ['20 kill hog'], 'above the release share it goes on');
});

test('after a kill nothing happens for after_kill, then comes the next; who is spared survives', (t) => {
  const { said } = run(120, () => HEAVY, { settings: settings({ steps: ['kill'] }) });
  t.deepEqual(said, ['20 kill hog', '35 kill web']);
  t.deepEqual(run(120, () => HEAVY, { settings: settings({ steps: ['kill'], spare: [] }) }).said, [
    ...['20 kill hog', '35 kill web', '50 kill db'],
  ]);
});

test('who would not be missed is not frozen or killed: it frees nothing', (t) => {
  const tiny = candidate('tiny', { class: 'besteffort' }, { memory: MIB });
  const { said } = run(30, () => HEAVY, {
    candidates: () => [tiny, WEB],
    settings: settings({ steps: ['freeze', 'kill'] }),
  });
  t.is(said[0], '5 freeze web');
  t.false(said.some((line) => line.includes('tiny')));
});

test('when it is calm for release_after all is undone in reverse order, and then forgotten', (t) => {
  const { said, state } = run(80, (second) => (second < 25 ? HEAVY : CALM));
  const undone = said.filter((line) => / (release|deflate|thaw) /.test(line));
  t.deepEqual(undone, ['35 thaw web', '39 thaw hog', '43 deflate hog', '44 release hog']);
  t.is(state.level, 'calm');
  t.deepEqual([state.applied, state.rounds.suppress, state.killed], [[], 0, []]);
});

test('pressure between release and threshold holds what is held', (t) => {
  const { said, state } = run(200, (second) => (second < 3 ? HEAVY : reading({ some: 80, full: 20 })));
  t.deepEqual(said, ['0 suppress hog']);
  t.is(state.level, 'warn');
  t.is(state.applied.length, 1);
});

test('pressure that comes back while things are undone stops it', (t) => {
  const { said } = run(44, (second) => (second >= 25 && second < 36 ? CALM : HEAVY));
  t.is(said.filter((line) => line.includes('thaw')).join(), '35 thaw web');
});

test('who is frozen for freeze_max is thawed even under pressure, and not frozen again before it is calm', (t) => {
  const { said } = run(300, () => HEAVY, { candidates: () => [HOG, DB], settings: settings({ steps: ['freeze'] }) });
  t.deepEqual(said, ['5 freeze hog', '5 reclaim hog', '65 thaw hog']);
});

const secondsOf = (said: readonly string[], kinds: RegExp): number[] =>
  said.filter((line) => kinds.test(line)).map((line) => Number.parseInt(line, 10));

/** Pressure that is there when the hog has run for two seconds, and as long as it runs. */
function whileItRuns(second: number, said: readonly string[]): Reading {
  const last = said.findLast((line) => / (freeze|thaw|suppress|release) /.test(line)) ?? '-9 thaw';
  return / (freeze|suppress) /.test(last) || second - Number.parseInt(last, 10) < 3 ? CALM : HEAVY;
}

/** Seconds from each time that it was taken hold of to its being let go. */
function heldFor(said: readonly string[]): number[] {
  const taken = secondsOf(said, / (freeze|suppress) /);
  return secondsOf(said, / (thaw|release) /).map((second, at) => second - (taken[at] ?? 0));
}

test('pressure that comes back with each thaw has the next one wait twice as long, up to a share of freeze_max', (t) => {
  const { said } = run(400, whileItRuns, { candidates: () => [HOG, DB], settings: settings({ steps: ['freeze'] }) });
  t.deepEqual(heldFor(said).slice(0, 6), [11, 21, 41, 46, 46, 46]);
});

test('for what is only suppressed it goes on to eight times release_after', (t) => {
  const { said } = run(400, whileItRuns, { candidates: () => [HOG, DB], settings: settings({ steps: ['suppress'] }) });
  t.deepEqual(heldFor(said).slice(0, 5), [11, 21, 41, 81, 81]);
});

test('when it has been calm for freeze_max since the last thaw, the first wait is the short one again', (t) => {
  const quiet = (second: number): boolean => second > 60 && second < 180;
  const { said } = run(230, (second, all) => (quiet(second) ? CALM : whileItRuns(second, all)), {
    ...{ candidates: () => [HOG, DB], settings: settings({ steps: ['freeze'] }) },
  });
  t.deepEqual(heldFor(said).slice(0, 4), [11, 21, 41, 11]);
});

test('for cpu only besteffort gives way: weight first, then a tenth of the cores with each look, down to a floor', (t) => {
  const busy = candidate('busy', { class: 'besteffort' }, { cpu: 1.5 });
  const web = candidate('web', {}, { cpu: 4 });
  const cpu = settings({}, 'host', 'cpu');
  const felt = (some: number) => reading({ some }, { available: null });
  const { actions } = run(7, () => felt(500), { candidates: () => [busy, web, DB], settings: cpu });
  t.deepEqual([...new Set(actions.map(({ target }) => target))], ['busy']);
  const values = actions.map((action) =>
    'applied' in action ? action.applied?.values.map(({ value }) => value).join() : '',
  );
  t.deepEqual(values, ['1', '1,110000 100000', '1,70000 100000', '1,30000 100000', '1,5000 100000']);
});

test('cpu is given back a tenth of the cores a second, and the weight last', (t) => {
  const busy = candidate('busy', { class: 'besteffort' }, { cpu: 1.5 });
  const felt = (second: number) => reading({ some: second < 7 ? 500 : 0 }, { available: null });
  const { said, actions, state } = run(60, felt, { candidates: () => [busy], settings: settings({}, 'host', 'cpu') });
  const back = actions.filter(({ kind }) => kind === 'release');
  t.is(
    said.find((line) => line.includes('release')),
    '17 release busy',
  );
  t.like(back[0], { applied: { values: [{ value: '1' }, { value: '45000 100000' }] } });
  t.like(back.at(-2), { applied: { values: { length: 1, 0: { file: 'cpu.weight', value: '1' } } } });
  t.like(back.at(-1), { applied: null });
  t.is(state.level, 'calm');
});

test('a cgroup that is idle has no weight to lower', (t) => {
  const busy = candidate('busy', { class: 'besteffort', idle: true }, { cpu: 1.5 });
  const { actions } = run(1, () => reading({ some: 500 }), {
    candidates: () => [busy],
    settings: settings({}, 'host', 'cpu'),
  });
  t.like(actions[0], { applied: { values: [{ file: 'cpu.max', value: '110000 100000' }] } });
});

test('for io the weight, then a freeze; never a kill, and without io.weight that is said', (t) => {
  const writer = candidate('writer', { class: 'besteffort' }, { io: 50 * MIB });
  const io = settings({}, 'host', 'io');
  const felt = { ...reading({ full: 400 }), available: null };
  const { said } = run(120, () => felt, { candidates: () => [writer, WEB], settings: io });
  t.deepEqual(said, ['0 suppress writer', '5 freeze writer', '65 thaw writer']);
  const without = run(6, () => ({ ...felt, ioWeight: false }), { candidates: () => [writer], settings: io });
  t.deepEqual(without.said, ['5 freeze writer']);
  t.regex(without.actions[0]?.skipped[0]?.reason ?? '', /io.weight does nothing/);
});

test('by default a workload at its own limit brings only reclaim upon itself', (t) => {
  const self = candidate('self', { class: 'guaranteed' }, { memory: GIB, reclaimable: GIB });
  const own = settings({}, 'workload/self');
  const { said } = run(60, () => ({ ...HEAVY, available: null, memory: GIB }), {
    candidates: () => [self],
    settings: own,
  });
  t.deepEqual(said, ['0 reclaim self', '4 reclaim self']);
});

test('who has gone is forgotten, and the way down goes on without it', (t) => {
  const held = run(21, () => HEAVY).state;
  t.deepEqual(
    held.applied.map(({ step }) => step),
    ['suppress', 'balloon', 'freeze'],
  );
  const { state, said } = run(30, () => CALM, { from: { ...held, lastDown: null }, candidates: () => [WEB, DB] });
  t.deepEqual(said, []);
  t.is(state.level, 'calm');
});
