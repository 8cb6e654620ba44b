/**
 * Parameters and metrics, as Vega-Lite draws them.
 *
 * #### Notes
 * Names of parameters and metrics come from notebooks; they are shown as text
 * and never used as names of fields, which Vega-Lite would take apart.
 */
import type { ComparedRow } from '../api/types';
import type { IChartTheme } from '../charts/theme';
import { shadesOf } from '../charts/theme';
import type { Spec } from '../charts/vegachart';
import { metricLabel, metricNumber } from '../model/goals';
import { parametersOf, plainLabel } from './columns';

/** A parameter or metric that can be an axis. */
export interface IDimension {
  readonly kind: 'parameter' | 'metric';
  readonly name: string;
}

/** What is drawn of a set of executions. */
export interface IChartData {
  readonly rows: readonly ComparedRow[];

  /** The metric that colours; null for none. */
  readonly shade: string | null;

  /** The best execution; null for none. */
  readonly bestId: string | null;
}

/** A range over so many powers of ten is drawn by its logarithm. */
const LOGARITHMIC_RATIO = 50;

const SCHEMA = 'https://vega.github.io/schema/vega-lite/v5.json';

/**
 * A point for each execution: a parameter against a metric.
 *
 * @param data - what is drawn.
 * @param axes - the two dimensions.
 * @param width - pixels from left to right.
 * @param theme - the colours.
 */
export function scatterSpec(
  data: IChartData,
  axes: { readonly x: IDimension; readonly y: IDimension },
  width: number,
  theme: IChartTheme
): Spec {
  const { x, y } = axes;
  const values = data.rows.map(row => ({
    name: `#${row.number}`,
    x: axisValue(row, x),
    y: axisValue(row, y),
    best: row.id === data.bestId
  }));
  const scale = (dimension: IDimension, field: 'x' | 'y'): Spec => {
    const numbers = values.map(value => value[field]);
    const isNumeric = numbers.every(
      value => value === null || typeof value === 'number'
    );
    const isLog = isLogarithmic(numbers);
    return {
      field,
      title: dimension.name,
      ...(isNumeric
        ? {
            type: 'quantitative',
            scale: {
              zero: false,
              ...(isLog ? { type: 'log', nice: false } : {}),
              padding: 12
            },
            ...(isLog ? {} : { axis: linearAxis(numbers, field) })
          }
        : { type: 'nominal', sort: null, axis: { labelAngle: 0 } })
    };
  };
  return {
    $schema: SCHEMA,
    width,
    height: 260,
    autosize: { type: 'fit', contains: 'padding' },
    data: {
      values: values
        .filter(({ x: a, y: b }) => a !== null && b !== null)
        // What is drawn last lies on top.
        .sort((a, b) => Number(a.best) - Number(b.best))
    },
    mark: { type: 'point', filled: true, opacity: 0.75 },
    encoding: {
      x: scale(x, 'x'),
      y: scale(y, 'y'),
      size: { condition: { test: 'datum.best', value: 170 }, value: 55 },
      color: {
        condition: { test: 'datum.best', value: theme.colors[1] },
        value: theme.accent
      },
      tooltip: [
        { field: 'name', type: 'nominal', title: '#' },
        { field: 'x', title: x.name },
        { field: 'y', title: y.name }
      ]
    }
  };
}

/**
 * A line for each execution through all dimensions.
 *
 * @param data - what is drawn.
 * @param dimensions - from left to right.
 * @param width - pixels from left to right.
 * @param theme - the colours.
 */
export function parallelSpec(
  data: IChartData,
  dimensions: readonly IDimension[],
  width: number,
  theme: IChartTheme
): Spec {
  const axes = dimensions.map(dimension => new Axis(dimension, data.rows));
  const values = data.rows.flatMap(row => {
    const shade =
      data.shade === null ? null : finite(row.metrics[data.shade] ?? null);
    return axes.map((axis, index) => ({
      name: `#${row.number}`,
      at: index,
      value: axis.place(row),
      text: axis.text(row),
      title: axis.dimension.name,
      shade,
      best: row.id === data.bestId
    }));
  });
  const x = {
    field: 'at',
    type: 'quantitative',
    axis: null,
    // Room for the words beside the outer ones.
    scale: { domain: [-0.35, axes.length - 0.5], nice: false, zero: false }
  };
  const y = { field: 'value', type: 'quantitative', axis: null };
  const line = (isBest: boolean): Spec => ({
    data: {
      values: values.filter(
        value => value.value !== null && value.best === isBest
      )
    },
    mark: { type: 'line', strokeWidth: isBest ? 3 : 1.5 },
    encoding: {
      x,
      y,
      detail: { field: 'name', type: 'nominal' },
      opacity: { value: isBest ? 1 : 0.6 },
      color: isBest
        ? { value: theme.colors[1] }
        : data.shade === null
          ? { value: theme.accent }
          : {
              field: 'shade',
              type: 'quantitative',
              title: data.shade,
              scale: { scheme: shadesOf(theme) }
            },
      tooltip: [
        { field: 'name', type: 'nominal', title: '#' },
        { field: 'title', type: 'nominal', title: ' ' },
        { field: 'text', type: 'nominal', title: '=' }
      ]
    }
  });
  const rule: Spec = {
    data: { values: axes.map((_, at) => ({ at })) },
    mark: { type: 'rule', color: theme.line },
    encoding: { x }
  };
  const words = axes.flatMap((axis, at) => axis.words(at));
  const text = (role: string, style: Spec): Spec => ({
    data: { values: words.filter(word => word.role === role) },
    mark: { type: 'text', font: theme.font, fontSize: 11, ...style },
    encoding: { x, y, text: { field: 'text', type: 'nominal' } }
  });
  return {
    $schema: SCHEMA,
    width,
    height: 260,
    autosize: { type: 'fit', contains: 'padding' },
    layer: [
      rule,
      line(false),
      line(true),
      text('name', {
        dy: -14,
        fontSize: 12,
        color: theme.text,
        limit: Math.max(60, width / axes.length - 8)
      }),
      // On lines that cross it, a word is read by the ground around it.
      text('tick', {
        ...TICK,
        stroke: theme.background,
        strokeWidth: 4,
        strokeJoin: 'round'
      }),
      text('tick', { ...TICK, color: theme.text })
    ]
  };
}

/** One dimension of parallel coordinates: where values are between 0 and 1. */
class Axis {
  constructor(
    readonly dimension: IDimension,
    rows: readonly ComparedRow[]
  ) {
    const values = rows
      .map(row => axisValue(row, dimension))
      .filter(value => value !== null);
    this._isNumeric = values.every(value => typeof value === 'number');
    this._isLog = this._isNumeric && isLogarithmic(values);
    this._names = this._isNumeric ? [] : [...new Set(values.map(String))];
    const numbers = this._isNumeric ? (values as number[]) : [];
    // Not Math.min(...numbers): that many arguments may be too many.
    this._low = numbers.reduce((a, b) => Math.min(a, b), Infinity);
    this._high = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
  }

  /** Where an execution is on it; null where it is not. */
  place(row: ComparedRow): number | null {
    const value = axisValue(row, this.dimension);
    if (value === null) {
      return null;
    }
    if (!this._isNumeric) {
      const last = this._names.length - 1;
      return last === 0 ? 0.5 : this._names.indexOf(String(value)) / last;
    }
    const [low, high, at] = [this._low, this._high, Number(value)].map(each =>
      this._isLog ? Math.log(each) : each
    );
    return high === low ? 0.5 : (at - low) / (high - low);
  }

  /** What an execution has there, as a text. */
  text(row: ComparedRow): string {
    return wordOf(axisValue(row, this.dimension));
  }

  /** What is written beside it. */
  words(
    at: number
  ): { at: number; value: number; text: string; role: string }[] {
    const { name } = this.dimension;
    const ticks = this._isNumeric
      ? this._low === this._high
        ? [{ value: 0.5, text: wordOf(this._low) }]
        : [
            { value: 0, text: wordOf(this._low) },
            { value: 1, text: wordOf(this._high) }
          ]
      : this._names.length > MOST_TICKS
        ? []
        : this._names.map((text, index) => ({
            value:
              this._names.length === 1 ? 0.5 : index / (this._names.length - 1),
            text
          }));
    return [
      { at, value: 1, text: name, role: 'name' },
      ...ticks
        .filter(({ text }) => text !== '')
        .map(tick => ({ at, role: 'tick', ...tick }))
    ];
  }

  private _high: number;
  private _isLog: boolean;
  private _isNumeric: boolean;
  private _low: number;
  private _names: string[];
}

/** Where the ends of an axis are written. */
const TICK = { align: 'left', dx: 5, limit: 90 };

/** Of more names, none is written: they would lie on each other. */
const MOST_TICKS = 12;

/** What can be drawn of a value: a number, a text, or nothing. */
function axisValue(
  row: ComparedRow,
  { kind, name }: IDimension
): number | string | null {
  if (kind === 'metric') {
    return finite(row.metrics[name] ?? null);
  }
  const value = parametersOf(row)[name];
  if (value === undefined) {
    return null;
  }
  return typeof value === 'number' ? value : plainLabel(value);
}

function finite(value: unknown): number | null {
  const number = metricNumber(value);
  return isFinite(number) ? number : null;
}

function wordOf(value: number | string | null): string {
  if (value === null) {
    return '';
  }
  return typeof value === 'string'
    ? value
    : isFinite(value)
      ? metricLabel(value)
      : '';
}

/**
 * Of a single value Vega-Lite would write the nearest whole number; beside each
 * other, numbers need no zeros at their ends.
 */
function linearAxis(
  values: readonly (number | string | null)[],
  field: 'x' | 'y'
): Spec {
  const numbers = new Set(values.filter(value => value !== null));
  return {
    ...(numbers.size === 1 || field === 'x' ? { format: '~g' } : {}),
    ...(numbers.size === 1 ? { values: [...numbers] } : {})
  };
}

function isLogarithmic(values: readonly unknown[]): boolean {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (typeof value === 'number') {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return low > 0 && isFinite(high) && high / low >= LOGARITHMIC_RATIO;
}
