import test from 'ava';
import { mayChange, restingState } from '../../../agent/model/lifecycle.js';
import type { EndRecord } from '../../../agent/model/record.js';

const end = (over: Partial<EndRecord>): EndRecord => ({
  at: 0,
  code: 0,
  signal: null,
  cause: 'exit',
  detail: '',
  ...over,
});

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
