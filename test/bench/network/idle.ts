// The idle process of loop.ts: says that it watches, and what it has seen when it is asked.
import { watchLoop } from './loop.js';

const loop = watchLoop();
process.once('message', () => process.send?.(loop.stop(), () => process.disconnect()));
process.once('disconnect', () => process.exit());
process.send?.('watching');
