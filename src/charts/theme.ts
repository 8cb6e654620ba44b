/**
 * The colours of JupyterLab's theme, for charts.
 */
import type { PartialJSONObject } from '@lumino/coreutils';

/** What charts take from the theme. */
export interface IChartTheme {
  readonly text: string;
  readonly mutedText: string;
  readonly line: string;
  readonly background: string;
  readonly accent: string;
  readonly font: string;
  readonly isLight: boolean;

  /** To tell up to ten things apart. */
  readonly colors: readonly string[];
}

/**
 * Ten colours that are told apart on light and dark ground, also by those who
 * see red and green alike: after Okabe and Ito, moved to a middle lightness.
 */
const COLORS = [
  '#3a86c8',
  '#d9822b',
  '#2a9d78',
  '#c0609f',
  '#8a7d1e',
  '#7a6fd0',
  '#b5534a',
  '#3c9fb5',
  '#8c8c8c',
  '#6a994e'
];

/** Read the colours of the theme that is on. */
export function readTheme(): IChartTheme {
  const style = getComputedStyle(document.body);
  const get = (name: string, fallback: string): string =>
    style.getPropertyValue(`--jp-${name}`).trim() || fallback;
  return {
    text: get('ui-font-color1', '#333'),
    mutedText: get('ui-font-color2', '#666'),
    line: get('border-color2', '#ddd'),
    background: get('layout-color1', '#fff'),
    accent: get('brand-color1', '#1976d2'),
    font: get('ui-font-family', 'sans-serif'),
    isLight: document.body.dataset.jpThemeLight !== 'false',
    colors: COLORS
  };
}

/**
 * How Vega-Lite draws everything.
 *
 * @param theme - the colours.
 */
export function themeConfig(theme: IChartTheme): PartialJSONObject {
  const words = {
    labelColor: theme.mutedText,
    labelFont: theme.font,
    labelFontSize: 11,
    titleColor: theme.text,
    titleFont: theme.font,
    titleFontSize: 12,
    titleFontWeight: 'normal'
  };
  return {
    // The place it is drawn in has a name.
    aria: false,
    background: 'transparent',
    font: theme.font,
    view: { stroke: 'transparent' },
    axis: {
      ...words,
      domainColor: theme.line,
      gridColor: theme.line,
      gridOpacity: 0.6,
      tickColor: theme.line,
      titlePadding: 8
    },
    legend: { ...words, orient: 'right', symbolType: 'circle' },
    header: words,
    title: { color: theme.text, font: theme.font, fontSize: 12 },
    range: { category: [...theme.colors] }
  };
}

/**
 * Shades from little to much, as far as they are seen on the ground.
 *
 * @param theme - the colours.
 */
export function shadesOf(theme: IChartTheme): PartialJSONObject {
  return { name: 'viridis', extent: theme.isLight ? [0, 0.82] : [0.25, 1] };
}
