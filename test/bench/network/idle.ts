// The idle process of loop.ts: says that it watches, and what it has seen when it is asked.
import { setTimeout } from 'node:timers/promises';
import { watchLoop } from './loop.js';

const loop = watchLoop();
process.once('message', () => process.send?.(loop.stop(), () => process.disconnect()));
process.once('disconnect', () => process.exit());
// The histogram counts from its second turn on: who hears that this process watches finds something in it.
for (let turn = 0; turn < 3; turn++) await setTimeout(5);
process.send?.('watching');
