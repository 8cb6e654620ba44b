/**
 * Metrics over their steps, as Vega-Lite draws them.
 */
import type { MetricPoints } from '../api/types';
import { metricNumber } from '../model/goals';
import type { IChartTheme } from './theme';
import { shadesOf } from './theme';
import type { Spec } from './vegachart';

/** A line of a chart. */
export interface ICurve {
  /** Whose it is: unique, and shown. */
  readonly name: string;

  /** The points. */
  readonly points: Pick<
    MetricPoints,
    'offset' | 'steps' | 'times_s' | 'values'
  >;

  /** By which it is coloured, if not by its name. */
  readonly shade?: number | null;

  /** Whether it is to be seen first. */
  readonly isBest?: boolean;
}

/** What is drawn against what. */
export interface ICurvesOptions {
  /** Name of the metric. */
  readonly metric: string;

  /** What the shades mean; names have colours of their own without. */
  readonly shadeTitle?: string;

  /** Against seconds instead of steps. */
  readonly isOverTime: boolean;

  /** Pixels from top to bottom. */
  readonly height: number;

  /** Whether the metric is written beside its axis; so it is, if left out. */
  readonly isTitled?: boolean;

  /** What the horizontal axis shows, in words. */
  readonly words: { readonly step: string; readonly seconds: string };
}

/** What lies so close together is one stroke; a line is about as thick. */
const COLUMN_PX = 2;

/** More lines than colours. */
const MOST_NAMED = 10;

/**
 * A line for each curve.
 *
 * @param curves - what is drawn.
 * @param options - how.
 * @param width - pixels from left to right.
 * @param theme - the colours.
 */
export function curvesSpec(
  curves: readonly ICurve[],
  options: ICurvesOptions,
  width: number,
  theme: IChartTheme
): Spec {
  const { isOverTime, metric, shadeTitle, words } = options;
  const values = curves.flatMap(curve =>
    thin(pointsOf(curve, isOverTime), width)
  );
  const isShaded = shadeTitle !== undefined && curves.length > MOST_NAMED;
  const color = isShaded
    ? {
        field: 'shade',
        type: 'quantitative',
        title: shadeTitle,
        scale: { scheme: shadesOf(theme) }
      }
    : {
        field: 'name',
        type: 'nominal',
        title: null,
        sort: null,
        legend: curves.length > 1 ? {} : null
      };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    width,
    height: options.height,
    autosize: { type: 'fit', contains: 'padding' },
    // The last word of the axis reaches beyond it.
    padding: { top: 8, right: 18, bottom: 4, left: 4 },
    data: { values },
    encoding: {
      x: {
        field: 'x',
        type: 'quantitative',
        title: isOverTime ? words.seconds : words.step,
        scale: { zero: false, nice: false },
        // Nobody knows a step 0.2.
        axis: values.every(({ x }) => Number.isInteger(x))
          ? { tickMinStep: 1 }
          : {}
      },
      y: {
        field: 'y',
        type: 'quantitative',
        title: options.isTitled === false ? null : metric,
        scale: { zero: false }
      },
      detail: { field: 'name', type: 'nominal' },
      color:
        curves.length > MOST_NAMED && !isShaded
          ? { value: theme.accent }
          : color,
      tooltip: [
        { field: 'name', type: 'nominal', title: '#' },
        { field: 'x', type: 'quantitative', title: words.step },
        { field: 'y', type: 'quantitative', title: metric }
      ]
    },
    layer: [
      {
        mark: { type: 'line', clip: true, interpolate: 'linear' },
        encoding: {
          strokeWidth: {
            condition: { test: 'datum.best', value: 3 },
            value: 1.5
          },
          opacity: {
            condition: { test: 'datum.best', value: 1 },
            value: curves.length > MOST_NAMED ? 0.55 : 0.9
          }
        }
      },
      {
        // What has one point only would not be seen; of others it is the end.
        transform: [{ filter: 'datum.last' }],
        mark: { type: 'point', filled: true, size: 30, opacity: 1 }
      }
    ]
  };
}

/** One point of a drawing. */
interface IPoint {
  [field: string]: string | number | boolean | null;
  x: number;
  y: number;
}

/** The points that can be drawn: no NaN, no infinities. */
export function pointsOf(curve: ICurve, isOverTime: boolean): IPoint[] {
  const { isBest = false, name, shade = null } = curve;
  const { offset, steps, times_s, values } = curve.points;
  const points = values.map((value, index) => ({
    name,
    x: isOverTime ? times_s[index] : (steps[index] ?? offset + index),
    y: metricNumber(value),
    shade,
    best: isBest,
    last: false
  }));
  const finite = points.filter(({ y }) => isFinite(y));
  if (finite.length > 0) {
    finite[finite.length - 1].last = true;
  }
  return finite;
}

/**
 * Leave out what nobody could see: of all points in one narrow column the
 * first, the last, the lowest and the highest stay.
 *
 * @param points - from left to right.
 * @param width - pixels from left to right.
 */
export function thin<T extends { x: number; y: number }>(
  points: readonly T[],
  width: number
): readonly T[] {
  const nColumns = Math.max(1, Math.floor(width / COLUMN_PX));
  if (points.length <= 2 * nColumns) {
    return points;
  }
  const xs = points.map(({ x }) => x);
  const left = xs.reduce((a, b) => Math.min(a, b));
  const span = xs.reduce((a, b) => Math.max(a, b)) - left || 1;
  const kept: T[] = [];
  let column: T[] = [];
  let at = -1;
  const close = (): void => {
    if (column.length > 0) {
      const low = column.reduce((a, b) => (b.y < a.y ? b : a));
      const high = column.reduce((a, b) => (b.y > a.y ? b : a));
      const ends = [column[0], low, high, column[column.length - 1]];
      kept.push(...column.filter(point => ends.includes(point)));
    }
  };
  for (const point of points) {
    const own = Math.floor(((point.x - left) / span) * nColumns);
    if (own !== at) {
      close();
      column = [];
      at = own;
    }
    column.push(point);
  }
  close();
  return kept;
}
