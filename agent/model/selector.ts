// Equality selectors on labels, as Kubernetes writes them: `app=web,tier!=db,release,!canary`. All of it must hold. Pure.
import { BerthError } from '../../protocol/errors.js';

export interface Requirement {
  readonly name: string;
  /** `unequal` holds without the label, too. */
  readonly must: 'equal' | 'unequal' | 'exist' | 'lack';
  /** Of `equal` and `unequal`. */
  readonly value: string;
}

export type Selector = readonly Requirement[];

/** Characters of a selector, and requirements in it. */
export const MOST_SELECTOR = 4096;
const MOST_REQUIREMENTS = 64;

/** As agent/base/values/labels.ts has it. */
const NAME = /^[a-zA-Z0-9_./-]{1,63}$/;
const RULE = 'NAME=VALUE, NAME!=VALUE, NAME or !NAME, separated by commas';

/** Throws `invalid_params`, naming the part that is wrong. */
export function parseSelector(text: string): Selector {
  if (text.length > MOST_SELECTOR) throw wrong(`must have at most ${MOST_SELECTOR} characters`);
  const parts = text.split(',');
  if (parts.length > MOST_REQUIREMENTS) throw wrong(`must have at most ${MOST_REQUIREMENTS} parts`);
  return parts.map(parsePart);
}

/** Labels are those of a stored specification, whichever version has written it. */
export function selects(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  return selector.every(({ name, must, value }) => {
    const there = Object.hasOwn(Object(labels), name);
    if (must === 'exist' || must === 'lack') return there === (must === 'exist');
    return (there && labels[name] === value) === (must === 'equal');
  });
}

function parsePart(part: string): Requirement {
  const text = part.trim();
  const [, left = '', operator, right = ''] = /^([^=!]*)(!=|==|=)(.*)$/s.exec(text) ?? [];
  const requirement: Requirement =
    operator !== undefined
      ? { name: left.trim(), must: operator === '!=' ? 'unequal' : 'equal', value: right.trim() }
      : text.startsWith('!')
        ? { name: text.slice(1).trim(), must: 'lack', value: '' }
        : { name: text, must: 'exist', value: '' };
  if (!NAME.test(requirement.name))
    throw wrong(`must be ${RULE}; ${JSON.stringify(text.slice(0, 100))} is none of them`);
  return requirement;
}

function wrong(problem: string): BerthError {
  return new BerthError('invalid_params', `selector: ${problem}`, {
    data: { fields: [{ field: 'selector', problem }], count: 1 },
  });
}
