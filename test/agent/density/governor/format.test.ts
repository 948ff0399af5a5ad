import test from 'ava';
import { placeText, startsText, waitText } from '../../../../agent/density/governor/format.js';
import type { Signal } from '../../../../agent/density/governor/types.js';
import { NO_STARTS } from '../../calm.js';

test('a place is an ordinal, and never due in no time', (t) => {
  const at = (ahead: number, expectedMs: number) => ({
    reason: 'start_queue' as const,
    ahead,
    expectedMs,
    waitedMs: 0,
  });
  const places = [0, 1, 2, 3, 9, 10, 11, 12, 20, 21, 100, 110, 111].map((ahead) => placeText(at(ahead, 1)));
  t.is(
    places.join(' '),
    '1st 2nd 3rd 4th 10th 11th 12th 13th 21st 22nd 101st 111th 112th'.replaceAll(/(\S+)/g, '$1,~1s'),
  );
  t.is(placeText(at(0, 119_001)), '1st,~2m');
  t.is(placeText(at(0, 7_200_000)), '1st,~2h');
  t.regex(waitText(at(1, 90_000)), /^2nd in the queue of starts, its turn is expected in 90s, has waited 1s$/);
});

test('why it is slowed down is said of every signal, and not any more when nobody waits', (t) => {
  const of = (signal: Signal, value: number, limit: number) => {
    const lastDecrease = { signal, value, limit, boundBefore: 32, bound: 22, agoMs: 5000 };
    return startsText({ ...NO_STARTS, queued: 3, lastDecrease }).lines[1];
  };
  t.regex(of('cpu', 0.72, 0.6) ?? '', /fewer at once \(32 before\), last 5s ago: tasks wait for a cpu 72 % .* 60 %$/);
  t.regex(of('io', 0.5, 0.4) ?? '', /the disk 50 %/);
  t.regex(of('memory', 0.2, 0.1) ?? '', /memory 20 %/);
  t.regex(of('network', 250.4, 100) ?? '', /a network operation takes 250 ms, the limit is 100 ms$/);
  t.regex(of('start', 6.25, 4) ?? '', /a start takes 6.3 times as long as usual, the limit is 4$/);
  const lastDecrease = { signal: 'cpu', value: 1, limit: 0.6, boundBefore: 32, bound: 22, agoMs: 60_000 } as const;
  t.deepEqual(startsText({ ...NO_STARTS, lastDecrease }), {
    slowed: false,
    lines: ['0 of 128 settling, none waits'],
  });
});
