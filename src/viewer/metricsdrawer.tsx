/** A small curve for each metric, live while the execution runs. */
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import type { MetricPoints } from '../api/types';
import { curvesSpec } from '../charts/curves';
import type { IChartTheme } from '../charts/theme';
import { VegaChart } from '../charts/vegachart';
import { metricLabel } from '../model/goals';
import type { MetricsModel } from './metricsmodel';

/** Pixels from top to bottom of each. */
const HEIGHT = 130;

/** So many are drawn; the others are chosen by name. */
const USUAL_NUMBER = 4;

/** What is shown of metrics. */
export interface IMetricsProps {
  /** The points, fetched while this is shown. */
  metrics: MetricsModel;
  /** Draws. */
  rendermime: IRenderMimeRegistry;
  /** The words. */
  trans: TranslationBundle;
}

/**
 * The curves.
 *
 * @param props - What is shown.
 */
export function MetricsDrawer(props: IMetricsProps): JSX.Element {
  const { metrics } = props;
  React.useEffect(() => {
    metrics.start();
    return () => metrics.stop();
  }, [metrics]);
  return (
    <UseSignal signal={metrics.changed}>
      {() => <Curves {...props} all={metrics.metrics} />}
    </UseSignal>
  );
}

function Curves(
  props: IMetricsProps & { all: readonly MetricPoints[] }
): JSX.Element {
  const { all, metrics, rendermime, trans } = props;
  const [chosen, setChosen] = React.useState<readonly string[] | null>(null);
  if (all.length === 0) {
    return (
      <p className="jp-Receipt-note">
        {metrics.error?.message ??
          (metrics.isLoaded
            ? trans.__('No metrics were recorded.')
            : trans.__('Loading…'))}
      </p>
    );
  }
  const shown = chosen ?? all.slice(0, USUAL_NUMBER).map(({ name }) => name);
  return (
    <div className="jp-Receipt-metrics">
      {all.length > USUAL_NUMBER && (
        <div
          className="jp-Receipt-choice"
          role="group"
          aria-label={trans.__('Metrics')}
        >
          {all.map(({ name }) => (
            <label key={name}>
              <input
                type="checkbox"
                checked={shown.includes(name)}
                onChange={({ target }) =>
                  setChosen(
                    target.checked
                      ? [...shown, name]
                      : shown.filter(each => each !== name)
                  )
                }
              />
              {name}
            </label>
          ))}
        </div>
      )}
      {all
        .filter(({ name }) => shown.includes(name))
        .map(points => (
          <Curve
            key={points.name}
            points={points}
            rendermime={rendermime}
            trans={trans}
          />
        ))}
    </div>
  );
}

function Curve(props: {
  points: MetricPoints;
  rendermime: IRenderMimeRegistry;
  trans: TranslationBundle;
}): JSX.Element {
  const { points, rendermime, trans } = props;
  const last = points.values[points.values.length - 1];
  const spec = React.useCallback(
    (width: number, theme: IChartTheme) =>
      curvesSpec(
        [{ name: points.name, points }],
        {
          metric: points.name,
          isOverTime: false,
          height: HEIGHT,
          isTitled: false,
          words: { step: trans.__('step'), seconds: trans.__('seconds') }
        },
        width,
        theme
      ),
    [points]
  );
  return (
    <figure>
      <figcaption>
        {points.name} <strong>{metricLabel(last)}</strong>
      </figcaption>
      <VegaChart
        rendermime={rendermime}
        spec={spec}
        height={HEIGHT}
        label={trans.__(
          '%1 over steps, %2 at the end',
          points.name,
          metricLabel(last)
        )}
      />
    </figure>
  );
}
