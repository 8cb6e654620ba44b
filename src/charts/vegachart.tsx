/**
 * A chart, drawn by JupyterLab's own renderer for Vega-Lite.
 */
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { MimeModel } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { PartialJSONObject } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import type { IChartTheme } from './theme';
import { readTheme, themeConfig } from './theme';

/** What JupyterLab's renderer takes. */
export const VEGALITE = 'application/vnd.vegalite.v5+json';

/** A drawing in Vega-Lite's words. */
export type Spec = PartialJSONObject;

/** What a chart shows. */
export interface IVegaChartProps {
  /** Draws. */
  rendermime: IRenderMimeRegistry;

  /**
   * The drawing, for a width in pixels and the colours of the theme. The same
   * function as long as it is the same drawing.
   */
  spec: (width: number, theme: IChartTheme) => Spec;

  /** Pixels from top to bottom, kept free while it is drawn. */
  height: number;

  /** What it shows, in words. */
  label: string;
}

/**
 * A chart; a new drawing takes the place of the old one when it is ready.
 *
 * @param props - what is drawn.
 */
export function VegaChart(props: IVegaChartProps): JSX.Element {
  const { height, label, rendermime, spec } = props;
  const node = React.useRef<HTMLDivElement>(null);
  const width = useWidth(node);
  const theme = useTheme();
  const canvas = React.useRef<Canvas | null>(null);
  React.useEffect(() => {
    canvas.current ??= new Canvas(rendermime);
    if (width > 0 && node.current !== null) {
      const drawing = spec(width, theme);
      const config = themeConfig(theme);
      canvas.current.draw(node.current, { ...drawing, config });
    }
  }, [rendermime, spec, theme, width]);
  // Before React takes the place away.
  React.useLayoutEffect(
    () => () => {
      canvas.current?.dispose();
      canvas.current = null;
    },
    []
  );
  return (
    <div
      ref={node}
      className="jp-AsyncExecChart"
      role="img"
      aria-label={label}
      style={{ minHeight: height }}
    />
  );
}

/** Draws one thing after the other in the same place, the newest last. */
class Canvas {
  constructor(private _rendermime: IRenderMimeRegistry) {}

  /** Draw, after what is being drawn now; what came in between is left out. */
  draw(host: HTMLElement, spec: Spec): void {
    this._next = spec;
    if (!this._isBusy) {
      void this._run(host);
    }
  }

  dispose(): void {
    this._next = null;
    this._isDisposed = true;
    this._remove(this._shown);
  }

  private async _run(host: HTMLElement): Promise<void> {
    this._isBusy = true;
    while (this._next !== null) {
      await inTurn(async () => {
        const spec = this._next;
        this._next = null;
        if (spec !== null) {
          await this._drawOne(host, spec);
        }
      });
    }
    this._isBusy = false;
  }

  private async _drawOne(host: HTMLElement, spec: Spec): Promise<void> {
    if (!host.isConnected) {
      return;
    }
    const renderer = this._rendermime.createRenderer(VEGALITE);
    renderer.addClass('jp-mod-drawing');
    // The place around it has a name; its parts have none.
    renderer.node.setAttribute('aria-hidden', 'true');
    Widget.attach(renderer, host);
    const model = new MimeModel({
      trusted: true,
      // A picture that is there already keeps the renderer from making one.
      data: { [VEGALITE]: spec, 'image/png': 'none' },
      metadata: { [VEGALITE]: { embed_options: EMBED_OPTIONS } }
    });
    try {
      await renderer.renderModel(model);
    } catch (error) {
      console.warn('A chart could not be drawn.', error);
    }
    if (this._isDisposed) {
      this._remove(renderer);
      return;
    }
    renderer.removeClass('jp-mod-drawing');
    this._remove(this._shown);
    this._shown = renderer;
  }

  private _remove(renderer: IRenderMime.IRenderer | null): void {
    if (renderer === null || renderer.isDisposed) {
      return;
    }
    if (!renderer.node.isConnected) {
      // The place was taken away: what is not in the document cannot be detached.
      renderer.clearFlag(Widget.Flag.IsAttached);
    }
    renderer.dispose();
  }

  private _isBusy = false;
  private _isDisposed = false;
  private _next: Spec | null = null;
  private _shown: IRenderMime.IRenderer | null = null;
}

/** Who draws now; each drawing takes a few frames of the page. */
let turn: Promise<void> = Promise.resolve();

/** Draw when the one before has been painted: never two charts in one frame. */
function inTurn(draw: () => Promise<void>): Promise<void> {
  const mine = turn.then(draw);
  turn = mine.then(nextFrame, nextFrame);
  return mine;
}

/** Wait until the page was painted; a hidden one paints nothing. */
function nextFrame(): Promise<void> {
  return new Promise(done => {
    const late = window.setTimeout(done, LONGEST_FRAME_MS);
    requestAnimationFrame(() => {
      window.clearTimeout(late);
      window.setTimeout(done, 0);
    });
  });
}

/** A page that paints at all has painted by then. */
const LONGEST_FRAME_MS = 200;

/** No menu: what is drawn can be had as CSV. */
const EMBED_OPTIONS = { actions: false, renderer: 'svg' };

function useWidth(node: React.RefObject<HTMLDivElement>): number {
  const [width, setWidth] = React.useState(0);
  React.useLayoutEffect(() => {
    const element = node.current;
    if (element === null || typeof ResizeObserver === 'undefined') {
      return undefined;
    }
    const observer = new ResizeObserver(() => {
      // In steps, so that dragging a splitter does not draw at every pixel.
      setWidth(Math.floor(element.clientWidth / 16) * 16);
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return width;
}

/** The colours of the theme; others when the person chooses another theme. */
function useTheme(): IChartTheme {
  const [theme, setTheme] = React.useState(() => readTheme());
  React.useEffect(() => {
    const observer = new MutationObserver(() => {
      // Its style sheet may come a little after its name.
      window.setTimeout(() => setTheme(readTheme()), 100);
    });
    observer.observe(document.body, {
      attributeFilter: ['data-jp-theme-name']
    });
    return () => observer.disconnect();
  }, []);
  return theme;
}
