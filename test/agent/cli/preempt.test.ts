// Preemption as the command shows it: before, on the way, after.
import test from 'ava';
import type { FitsAnswer } from '../../../agent/model/preemption.js';
import type { WorkloadView } from '../../../agent/model/record.js';
import { berth, fakeAgent, moving, NOW, view } from './fake.js';

test('fits --preempt: who would be stopped, in order, and what each frees; 0 when that would do', async (t) => {
  const refusal = {
    ...{ code: 'admission_refused', dimension: 'memory', scope: 'host', limit: '4Gi', used: '4Gi' },
    ...{ requested: '1Gi', shortBy: '1Gi', retryAfterMs: null, hint: 'Wait.' },
  } as const;
  const frees = [{ scope: 'host', dimension: 'memory', amount: '512Mi' }] as const;
  const low = { id: 'low', tenant: 'acme', class: 'besteffort', priority: 5, excess: 1.25, leaving: false, frees };
  const old = { ...low, id: 'old', tenant: 'globex', excess: null, leaving: true };
  const no = { fits: false, refusals: [refusal], more: 0, room: [], wouldGo: null, downgraded: [] };
  const plans = {
    would: { mode: 'priority', victims: [old, low], left: [] },
    short: { mode: 'class', victims: [], left: [{ ...refusal, shortBy: '256Mi' }] },
    off: { mode: 'off', victims: [], left: [refusal] },
  } as const;
  const agent = fakeAgent({
    'workload.fits': ({ spec }) => ({ ...no, preemption: plans[spec.id as keyof typeof plans] }) as FitsAnswer,
  });
  const would = await berth('fits -f - --preempt', { agent, input: '{"id": "would"}' });
  t.is(would.exit, 0);
  t.is(
    would.out,
    `would does not fit
  memory of host: limit 4Gi, used 4Gi, asked 1Gi, short by 1Gi
  hint: Wait.
  with --preempt these are stopped first, in this order:
    WORKLOAD  CLASS       PRIORITY  TENANT    USE  FREES
    old       besteffort         5  globex      -  memory of host 512Mi (stops already)
    low       besteffort         5  acme    125 %  memory of host 512Mi
`,
  );
  const short = await berth('fits -f - --preempt', { agent, input: '{"id": "short"}' });
  t.is(short.exit, 3);
  t.regex(short.out, /\n {2}preemption would not do, even so:\n {4}memory of host: .*short by 256Mi\n$/);
  const off = await berth('fits -f - --preempt', { agent, input: '{"id": "off"}' });
  t.is(off.exit, 3);
  t.regex(off.out, /nobody would be evicted: density.preemption of this node is "off"/);
  t.deepEqual(agent.calls[0]?.params, { spec: { id: 'would' }, preempt: true });
  const json = await berth('fits -f - --preempt --json', { agent, input: '{"id": "would"}' });
  t.deepEqual(JSON.parse(json.out).answers[0].preemption, plans.would);
});

const VICTIM = { id: 'low', tenant: 'acme', class: 'besteffort', priority: 5 } as const;

test('create --preempt says in whose place it runs, and what it waits for on the way', async (t) => {
  const preemption = { at: NOW, victims: [VICTIM], why: 'cpu', waitingFor: [] };
  const waiting = {
    ...({ reason: 'preemption', waitedMs: 2000 } as const),
    for: [{ id: 'low', tenant: 'acme', state: 'stopping', problem: null }],
  } as const;
  const agent = moving([view('w', { preemption })]);
  const { out } = await berth('workload create -f - --preempt', { agent, input: '{"id": "w"}' });
  t.regex(out, /^w running, pid 4711, 10\.133\.0\.5, in the place of low \(/);
  t.deepEqual(agent.calls.find(({ method }) => method === 'workload.create')?.params, {
    ...{ spec: { id: 'w' }, preempt: true },
  });
  let now = NOW;
  const tick = () => {
    now += 2000;
    return now;
  };
  const stuck = moving([view('w', { state: 'pending', process: null, preemption, waiting })]);
  const host = { agent: stuck, input: '{"id": "w"}', errIsTerminal: true, now: tick };
  const { err } = await berth('workload create -f - --preempt --timeout 700ms', host);
  t.true(err.includes('w pending, waits for 2s, for those that make room: low (stopping)'), JSON.stringify(err));
});

test('show tells it of both sides', async (t) => {
  const show = async (workload: WorkloadView) =>
    (await berth('workload show w', { agent: fakeAgent({ 'workload.get': () => workload }) })).out;
  const by = { workload: 'web-9', tenant: 'globex' };
  const detail = 'stopped for a burstable workload of priority 9: cpu of host short by 1';
  const going = await show(view('w', { desired: 'stopped', evicted: { cause: 'preempted', by, detail, at: NOW } }));
  t.regex(going, /^Evicted +2026-11-21T12:00:00Z \(0s ago\)\n +stopped for a burstable workload/m);
  const gone = await show(
    view('w', { state: 'exited', end: { at: NOW, code: 0, signal: null, cause: 'preempted', detail, by } }),
  );
  t.regex(gone, /\(cause: preempted\)\nMade room +for web-9 of tenant globex\n/);
  const preemption = { at: NOW, victims: [VICTIM], why: 'cpu', waitingFor: ['low'] };
  const problem = 'device or resource busy';
  const waiting = {
    ...({ reason: 'preemption', waitedMs: 61_000 } as const),
    for: [{ id: 'low', tenant: 'acme', state: 'stopping', problem }],
  } as const;
  const waits = await show(view('w', { state: 'pending', preemption, waiting }));
  t.regex(waits, /^Waits +for 1m1s, for those that make room: low \(stopping: device or resource busy\)$/m);
  t.regex(waits, /^Preempted +low \(besteffort, priority 5\)$/m);
  const queued = { reason: 'start_queue', waitedMs: 3000, ahead: 4, expectedMs: 9 } as const;
  t.regex(
    await show(view('w', { state: 'pending', waiting: queued })),
    /^Waits +5th in the queue of starts, its turn is expected in 1s, has waited 3s$/m,
  );
});
