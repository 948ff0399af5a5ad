// Colours, or none. Text from outside is cleaned of control characters first: a label or an error message must not be
// able to move the cursor of whoever lists it.

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';
export interface Style {
  /** Of the terminal; absent: it is none, or of unknown width. */
  readonly columns?: number;
  paint(colour: Colour | undefined, text: string): string;
}

const CODES: Readonly<Record<Colour, readonly [number, number]>> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  dim: [2, 22],
  bold: [1, 22],
};

/** https://no-color.org: any non-empty NO_COLOR switches colour off. */
export function styleFor(terminal: boolean, env: NodeJS.ProcessEnv, noColor: boolean): Style {
  const plain = !terminal || noColor || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  return {
    paint: (colour, text) => {
      if (plain || colour === undefined || text === '') return text;
      const [on, off] = CODES[colour];
      return `\x1b[${on}m${text}\x1b[${off}m`;
    },
  };
}

/** Control characters as visible escapes; line breaks too unless `lines`. */
export function clean(text: string, lines = false): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, (c) =>
    lines && c === '\n' ? c : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
