/**
 * Three drawings: metrics over steps, a parameter against a metric, all at once.
 */
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import { curvesSpec } from '../charts/curves';
import type { IChartTheme } from '../charts/theme';
import { VegaChart } from '../charts/vegachart';
import { Choice } from '../fields/choice';
import type { IExecutionsModel } from '../tokens';
import type { IChartData, IDimension } from './charts';
import { parallelSpec, scatterSpec } from './charts';
import type { CompareModel } from './comparemodel';
import { CurvesModel, MOST_CURVES } from './curvesmodel';

/** Pixels from top to bottom of each drawing. */
const HEIGHT = 260;

/** More axes lie too close together. */
const MOST_AXES = 8;

/** What the drawings need. */
export interface IChartsProps {
  model: CompareModel;
  executions: IExecutionsModel;
  rendermime: IRenderMimeRegistry;
  trans: TranslationBundle;
}

/**
 * All drawings, below each other.
 *
 * @param props - what they need.
 */
export function ChartsView(props: IChartsProps): JSX.Element {
  const { model, trans } = props;
  const metrics = namesOf(model, 'metric');
  return (
    <div className="jp-Compare-charts">
      {metrics.length === 0 ? (
        <p className="jp-Compare-note">
          {trans.__(
            'No metrics yet. A notebook records one by printing JSON: {"epoch": 3, "val_acc": 0.91}'
          )}
        </p>
      ) : (
        <>
          <Curves {...props} />
          <Scatter {...props} />
          <Parallel {...props} />
        </>
      )}
    </div>
  );
}

function Curves(props: IChartsProps): JSX.Element {
  const { executions, model, trans } = props;
  const metrics = namesOf(model, 'metric');
  const [metric, setMetric] = useChoice(metrics, model.goal?.metric);
  const [isOverTime, setOverTime] = React.useState(false);
  const [curves, setCurves] = React.useState<CurvesModel | null>(null);
  React.useEffect(() => {
    const created = new CurvesModel(model, executions);
    setCurves(created);
    return () => created.dispose();
  }, [model, executions]);
  React.useEffect(() => {
    if (curves !== null) {
      curves.metric = metric;
    }
  }, [curves, metric]);
  return (
    <section aria-label={trans.__('Curves')}>
      <ChartHead title={trans.__('Over steps')}>
        <Choice
          label={trans.__('Metric')}
          choices={metrics.map(name => [name, name])}
          value={metric}
          onChange={setMetric}
        />
        <label>
          <input
            type="checkbox"
            checked={isOverTime}
            onChange={event => setOverTime(event.target.checked)}
          />
          {trans.__('over seconds')}
        </label>
      </ChartHead>
      {curves !== null && (
        <UseSignal signal={curves.changed}>
          {() => (
            <CurvesChart
              {...props}
              curves={curves}
              metric={metric}
              isOverTime={isOverTime}
            />
          )}
        </UseSignal>
      )}
    </section>
  );
}

function CurvesChart(
  props: IChartsProps & {
    curves: CurvesModel;
    metric: string;
    isOverTime: boolean;
  }
): JSX.Element {
  const { isOverTime, model, rendermime, trans } = props;
  const { curves, error, isPart } = props.curves;
  // Until those of another metric are here, these keep their name.
  const metric = props.curves.drawn ?? props.metric;
  const best = model.ranked[0]?.number;
  const spec = React.useCallback(
    (width: number, theme: IChartTheme) =>
      curvesSpec(
        curves.map(curve => ({
          name: `#${curve.number}`,
          points: curve,
          isBest: curve.number === best,
          shade: lastOf(curve.values)
        })),
        {
          metric,
          shadeTitle: metric,
          isOverTime,
          height: HEIGHT,
          words: { step: trans.__('step'), seconds: trans.__('seconds') }
        },
        width,
        theme
      ),
    [curves, best, isOverTime, metric]
  );
  return (
    <>
      {curves.length === 0 ? (
        <p className="jp-Compare-note" style={{ minHeight: HEIGHT }}>
          {error?.message ?? trans.__('Nothing to draw yet.')}
        </p>
      ) : (
        <VegaChart
          rendermime={rendermime}
          spec={spec}
          height={HEIGHT}
          label={trans.__(
            '%1 of %2 executions over steps',
            metric,
            curves.length
          )}
        />
      )}
      {isPart && (
        <p className="jp-Compare-note">
          {trans.__(
            '%1 of them are drawn: the best, or the newest. Select rows of the table to draw others.',
            MOST_CURVES
          )}
        </p>
      )}
    </>
  );
}

function Scatter(props: IChartsProps): JSX.Element | null {
  const { model, rendermime, trans } = props;
  const metrics = namesOf(model, 'metric');
  const parameters = namesOf(model, 'parameter', true);
  const [x, setX] = useChoice(parameters);
  const [y, setY] = useChoice(metrics, model.goal?.metric);
  const data = useData(model);
  const spec = React.useCallback(
    (width: number, theme: IChartTheme) =>
      scatterSpec(
        data,
        { x: { kind: 'parameter', name: x }, y: { kind: 'metric', name: y } },
        width,
        theme
      ),
    [data, x, y]
  );
  if (parameters.length === 0) {
    return null;
  }
  return (
    <section aria-label={trans.__('Parameter and metric')}>
      <ChartHead title={trans.__('Parameter and metric')}>
        <Choice
          label={trans.__('Parameter')}
          choices={parameters.map(name => [name, name])}
          value={x}
          onChange={setX}
        />
        <Choice
          label={trans.__('Metric of points')}
          choices={metrics.map(name => [name, name])}
          value={y}
          onChange={setY}
        />
      </ChartHead>
      <VegaChart
        rendermime={rendermime}
        spec={spec}
        height={HEIGHT}
        label={trans.__('%1 against %2', y, x)}
      />
    </section>
  );
}

function Parallel(props: IChartsProps): JSX.Element | null {
  const { model, rendermime, trans } = props;
  const data = useData(model);
  const parameters = namesOf(model, 'parameter', true);
  const metrics = namesOf(model, 'metric', true);
  const goal = model.goal?.metric;
  // The metric that counts comes last, where the eye ends.
  const ordered = [
    ...parameters.map(name => ({ kind: 'parameter' as const, name })),
    ...metrics
      .filter(name => name !== goal)
      .map(name => ({ kind: 'metric' as const, name }))
  ].slice(0, goal === undefined ? MOST_AXES : MOST_AXES - 1);
  const dimensions: IDimension[] =
    goal === undefined ? ordered : [...ordered, { kind: 'metric', name: goal }];
  const key = JSON.stringify(dimensions);
  const spec = React.useCallback(
    (width: number, theme: IChartTheme) =>
      parallelSpec(data, dimensions, width, theme),
    [data, key]
  );
  if (dimensions.length < 2) {
    return null;
  }
  return (
    <section aria-label={trans.__('All at once')}>
      <ChartHead title={trans.__('All at once')} />
      <VegaChart
        rendermime={rendermime}
        spec={spec}
        height={HEIGHT}
        label={trans.__(
          'A line for each execution through %1',
          dimensions.map(({ name }) => name).join(', ')
        )}
      />
    </section>
  );
}

function ChartHead(props: {
  title: string;
  children?: React.ReactNode;
}): JSX.Element {
  return (
    <div className="jp-Compare-charthead">
      <h3>{props.title}</h3>
      {props.children}
    </div>
  );
}

/** One of some names: what was chosen, or else the usual, or else the first. */
function useChoice(
  names: readonly string[],
  usual?: string
): [string, (name: string) => void] {
  const [chosen, setChosen] = React.useState<string | null>(null);
  const value = [chosen, usual].find(
    name => typeof name === 'string' && names.includes(name)
  );
  return [value ?? names[0] ?? '', setChosen];
}

/** What the drawings show; the same object as long as it says the same. */
function useData(model: CompareModel): IChartData {
  const rows = model.selected.length > 1 ? model.selected : model.rows;
  const shade = model.goal?.metric ?? null;
  const bestId = model.ranked[0]?.id ?? null;
  const key = JSON.stringify([
    shade,
    bestId,
    rows.map(row => [row.id, row.parameters, row.metrics])
  ]);
  return React.useMemo(() => ({ rows, shade, bestId }), [key]);
}

function namesOf(
  model: CompareModel,
  kind: 'metric' | 'parameter',
  onlyDiffering = false
): string[] {
  return model.columns
    .filter(column => column.kind === kind)
    .filter(({ differs }) => differs || !onlyDiffering)
    .map(({ label }) => label);
}

function lastOf(values: readonly unknown[]): number | null {
  const last = values[values.length - 1];
  return typeof last === 'number' ? last : null;
}
