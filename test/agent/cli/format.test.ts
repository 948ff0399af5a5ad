import test from 'ava';
import { endSentence } from '../../../agent/cli/format.js';

const end = { cause: 'exit', at: 0, code: null, signal: null, detail: '' } as const;

test('how a process ended is said once', (t) => {
  t.is(endSentence({ ...end, code: 3, detail: 'exited with code 3' }), 'exited with code 3');
  t.is(
    endSentence({ ...end, cause: 'stopped', signal: 'SIGTERM', detail: 'stopped on request (signal SIGTERM)' }),
    'stopped on request (signal SIGTERM)',
  );
  t.is(
    endSentence({ ...end, cause: 'limit', signal: 'SIGKILL', detail: 'killed by the kernel at its limit' }),
    'signal SIGKILL: killed by the kernel at its limit',
  );
  t.is(endSentence({ ...end, cause: 'lost' }), 'lost');
});
