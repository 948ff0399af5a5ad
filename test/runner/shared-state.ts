// What every file of one worker shares. A test that leaves any of it changed would decide how a later one ends.
import promises from 'node:fs/promises';

/** Where each of these values stands, so that two looks can be compared. */
export type SharedState = ReadonlyMap<string, unknown>;

/** Node makes most of its globals when they are first read. */
const UNREAD = Symbol('unread');

export function sharedState(): SharedState {
  const state = new Map<string, unknown>();
  const keep = (where: string, object: object): void => {
    // Libraries that are loaded in the course of a test leave names like __zod_globalRegistry.
    for (const [name, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(object)))
      if (!name.startsWith('__')) state.set(`${where}.${name}`, get === undefined ? value : UNREAD);
  };
  keep('process.env', process.env);
  keep('globalThis', globalThis);
  keep('fs/promises', promises);
  // What ends with the worker leaves its listener on purpose.
  for (const event of process.eventNames())
    if (event !== 'exit' && event !== 'beforeExit')
      state.set(`listeners of ${String(event)}`, process.listenerCount(event));
  return state;
}

/** The names of what differs. */
export function changes(before: SharedState, after: SharedState): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== UNREAD && !Object.is(before.get(name), after.get(name)));
}

export type Guard = (title: string, run: () => unknown) => unknown;

/** Runs a test unless the one before it left a change in what they share. */
export function leftBehind(): Guard {
  let previous = '';
  let before = sharedState();
  return (title, run) => {
    const now = sharedState();
    const changed = changes(before, now);
    const culprit = previous;
    previous = title;
    before = now;
    if (changed.length > 0) throw new Error(`"${culprit}" left changes in its worker: ${changed.join(', ')}`);
    return run();
  };
}
