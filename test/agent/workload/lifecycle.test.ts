import test from 'ava';
import { mayChange, restartDelay, restingState } from '../../../agent/workload/lifecycle.js';
import type { EndRecord } from '../../../agent/workload/record.js';

const end = (over: Partial<EndRecord>): EndRecord => ({
  at: 0,
  code: 0,
  signal: null,
  cause: 'exit',
  detail: '',
  ...over,
});
const policy = (name: 'never' | 'on-failure' | 'always', maxRetries = 5) => ({ policy: name, maxRetries });

test('every state leads to rest by way of stopping, and rest only back to pending', (t) => {
  for (const state of ['pending', 'preparing', 'starting', 'running', 'frozen'] as const)
    t.true(mayChange(state, 'stopping'), state);
  t.true(mayChange('stopping', 'exited') && mayChange('stopping', 'failed'));
  for (const state of ['exited', 'failed'] as const) {
    t.true(mayChange(state, 'pending'));
    t.false(mayChange(state, 'running'));
  }
  t.false(mayChange('running', 'exited'), 'objects are taken down first');
});

test('rest is exited for code 0 and for a stop on request, failed for all else', (t) => {
  t.is(restingState(end({})), 'exited');
  t.is(restingState(end({ cause: 'stopped', code: null, signal: 'SIGKILL' })), 'exited');
  t.is(restingState(end({ code: 7 })), 'failed');
  t.is(restingState(end({ cause: 'limit', code: null, signal: 'SIGKILL' })), 'failed');
  t.is(restingState(end({ cause: 'lost', code: null })), 'failed');
  t.is(restingState(null), 'failed');
});

test('restart policies', (t) => {
  t.is(restartDelay(policy('never'), 'running', end({ code: 1 }), 0), null);
  t.is(restartDelay(policy('on-failure'), 'running', end({}), 0), null);
  t.is(restartDelay(policy('on-failure'), 'running', end({ code: 1 }), 0), 1000);
  t.is(restartDelay(policy('always'), 'running', end({}), 3), 8000);
  t.is(restartDelay(policy('always', 100), 'running', end({}), 50), 60_000);
  t.is(restartDelay(policy('always', 3), 'running', end({}), 3), null, 'tries are counted');
  t.is(restartDelay(policy('always'), 'stopped', end({}), 0), null, 'a stop wins');
  t.is(restartDelay(policy('always'), 'running', end({ cause: 'start' }), 0), null, 'what cannot start is not tried');
});
