// Families of prediction; none while it is off.
import type { PredictionView } from '../../density/prediction/live.js';
import type { Collectors } from '../collectors.js';

const FIGURES = { mean: 'mean', p98: 'independent', peak: 'worst' } as const;

export function addPredictionFamilies(c: Collectors, view: () => PredictionView | null): void {
  c.gauge(
    'berth_predicted_use',
    'What all workloads are expected to use together, in cores or bytes by resource: mean, p98 as if their peaks were independent, peak of all at once.',
    ['resource', 'figure'],
    () => {
      const { forecast } = view() ?? {};
      if (forecast === undefined) return [];
      return (['cpu', 'memory'] as const).flatMap((resource) =>
        Object.entries(FIGURES).map(([figure, key]) => [{ resource, figure }, forecast[resource][key]] as const),
      );
    },
  );
  c.gauge(
    'berth_predicted_overcommit',
    'How much could be promised of each core or byte that is used; absent while too little is known.',
    ['class', 'resource'],
    () =>
      (view()?.advice ?? []).flatMap(({ class: name, resource, ratio }) =>
        ratio === null ? [] : [[{ class: name, resource }, ratio] as const],
      ),
  );
  c.gauge(
    'berth_predicted_known_ratio',
    'Share of what is promised that a day of samples stands behind.',
    ['class', 'resource'],
    () =>
      (view()?.advice ?? []).map(
        ({ class: name, resource, basis }) => [{ class: name, resource }, basis.share] as const,
      ),
  );
}
