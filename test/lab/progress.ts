/** Shows what a long build is doing. Works without a terminal: whole lines only, nothing is redrawn. */
export interface Progress {
  step<T>(what: string, work: (alive: (detail: string) => void) => Promise<T>): Promise<T>;
}

export interface ProgressOptions {
  readonly write: (line: string) => void;
  /** Says nothing about a step that ends within this time. */
  readonly quietMs?: number;
  readonly heartbeatMs?: number;
}

export function lineProgress(options: ProgressOptions): Progress {
  const quietMs = options.quietMs ?? 0;
  return {
    async step(what, work) {
      const start = Date.now();
      const seconds = () => ((Date.now() - start) / 1000).toFixed(1);
      let detail = '';
      if (quietMs === 0) options.write(`lab: ${what} ...`);
      const heartbeat = setInterval(() => {
        options.write(`lab: ${what} ... ${seconds()} s${detail === '' ? '' : `, ${detail}`}`);
      }, options.heartbeatMs ?? 10_000);
      heartbeat.unref();
      try {
        const value = await work((line) => {
          detail = line.slice(0, 100);
        });
        if (Date.now() - start >= quietMs) options.write(`lab: ${what}: done in ${seconds()} s`);
        return value;
      } catch (error) {
        options.write(`lab: ${what}: failed after ${seconds()} s`);
        throw error;
      } finally {
        clearInterval(heartbeat);
      }
    },
  };
}

/** For tests: silent when everything is cached, and a person sees why the first run takes minutes. */
export function stderrProgress(): Progress {
  return lineProgress({ write: (line) => process.stderr.write(`${line}\n`), quietMs: 3000 });
}
