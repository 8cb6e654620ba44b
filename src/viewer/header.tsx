/** The receipt as a widget on top of a notebook. */
import { ReactWidget } from '@jupyterlab/ui-components';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import React from 'react';

import type { IReceiptProps } from './receiptview';
import { ReceiptView } from './receiptview';

/** The receipt, between the toolbar and the cells of a result. */
export class ReceiptHeader extends ReactWidget {
  /** Create the header; add it to the content header of a panel. */
  constructor(private _props: IReceiptProps) {
    super();
    this.addClass('jp-Receipt');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _props.trans.__('Receipt'));
  }

  protected render(): JSX.Element {
    return (
      <Measured onHeight={height => this._setHeight(height)}>
        <ReceiptView {...this._props} />
      </Measured>
    );
  }

  /**
   * Take as much room as the receipt needs.
   *
   * #### Notes
   * A Lumino box lays out by the minimal heights of its children and does not
   * look at what is in them; so the height is told, in the one inline style.
   */
  private _setHeight(height: number): void {
    if (height === this._height || this.isDisposed) {
      return;
    }
    this._height = height;
    this.node.style.minHeight = `${height}px`;
    if (this.parent) {
      MessageLoop.postMessage(this.parent, Widget.Msg.FitRequest);
    }
  }

  private _height = 0;
}

function Measured(props: {
  onHeight: (height: number) => void;
  children: React.ReactNode;
}): JSX.Element {
  const { onHeight, children } = props;
  const node = React.useRef<HTMLDivElement>(null);
  React.useLayoutEffect(() => {
    const element = node.current;
    if (!element) {
      return;
    }
    const observer = new ResizeObserver(() =>
      onHeight(Math.ceil(element.getBoundingClientRect().height))
    );
    observer.observe(element);
    return () => observer.disconnect();
    // The callback is new at every rendering, but always means the same.
  }, []);
  return (
    <div ref={node} className="jp-Receipt-body">
      {children}
    </div>
  );
}
