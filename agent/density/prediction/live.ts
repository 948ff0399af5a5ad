// Prediction as it is turned on and off while the agent runs (density.prediction). Off, nothing is sampled and nothing kept
// in memory; the checkpoint stays, and learning goes on from it.
import { Serial } from '../../base/serial.js';
import type { Outcome, PredictionService } from './prediction.js';

export type Mode = 'off' | 'advise';

/** Advice only: admission does not follow it. */
export interface PredictionView extends Outcome {
  readonly mode: Exclude<Mode, 'off'>;
}

export class LivePrediction {
  readonly #make: () => PredictionService;
  #service: PredictionService | undefined;
  readonly #changes = new Serial();

  constructor(make: () => PredictionService) {
    this.#make = make;
  }

  /** Resolves when it is so; the one asked for last holds. */
  configure(mode: Mode): Promise<void> {
    return this.#changes.run(async () => {
      if (mode === 'off') {
        const service = this.#service;
        this.#service = undefined;
        await service?.stop();
      } else if (this.#service === undefined) {
        const service = this.#make();
        await service.start();
        this.#service = service;
      }
    });
  }

  /** Null: it is off. */
  view(): PredictionView | null {
    return this.#service === undefined ? null : { mode: 'advise', ...this.#service.outcome() };
  }
}
