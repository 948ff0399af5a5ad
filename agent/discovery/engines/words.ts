// Text of strangers: what they say of a workload goes to terminals, metrics and logs.
import type { Found } from './engine.js';

const MOST_NAME = 128;
const MOST_IMAGE = 255;
const MOST_LABELS = 32;
const MOST_KEY = 128;
const MOST_VALUE = 256;
const ELLIPSIS = '…';
/** Control and format characters, lone surrogates, and what breaks lines: a name must not move a cursor or turn a line. */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** `most` characters at most, without what a terminal would act on. */
export function word(text: unknown, most: number): string {
  if (typeof text !== 'string') return '';
  // Cut first: a megabyte of text is not searched.
  const plain = text.slice(0, most + 1).replaceAll(HIDDEN, '?');
  return plain.length <= most ? plain : plain.slice(0, most - 1) + ELLIPSIS;
}

export interface Words {
  readonly name: string;
  readonly image: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

export function wordsOf({ id, name, image, labels = {} }: Found): Words {
  const kept: [string, string][] = [];
  // Keys are counted and not all read: there may be a million.
  for (const key in labels) {
    if (kept.length === MOST_LABELS) break;
    if (Object.hasOwn(labels, key)) kept.push([word(key, MOST_KEY), word(labels[key], MOST_VALUE)]);
  }
  return {
    name: word(name, MOST_NAME) || word(id, MOST_NAME),
    image: word(image, MOST_IMAGE) || null,
    labels: Object.fromEntries(kept),
  };
}
