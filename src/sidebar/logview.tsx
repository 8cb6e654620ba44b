/**
 * What a notebook printed, below the list.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { ExecutionLog } from '../model/executionlog';

/** How near the end counts as reading the end, in pixels. */
const NEAR_END = 24;

/** What the log view shows. */
export interface ILogViewProps {
  /** The log. */
  log: ExecutionLog;

  /** The number of the execution. */
  number: number;

  /** Whether the execution is over. */
  isOver: boolean;

  /** The words. */
  trans: TranslationBundle;

  /** Close it. */
  onClose: () => void;
}

/**
 * The log of one execution; keeps to the end unless scrolled away from it.
 *
 * @param props - the log.
 */
export function LogView(props: ILogViewProps): JSX.Element {
  const { number, onClose, trans } = props;
  const node = React.useRef<HTMLPreElement>(null);
  const followsEnd = React.useRef(true);
  const title = trans.__('Log of #%1', number);

  React.useLayoutEffect(() => {
    if (node.current !== null && followsEnd.current) {
      node.current.scrollTop = node.current.scrollHeight;
    }
  });

  return (
    <section
      className="jp-ExecutionsPanel-log"
      aria-label={title}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          onClose();
        }
      }}
    >
      <header className="jp-ExecutionsPanel-logHeader">
        <span>{title}</span>
        <button
          type="button"
          title={trans.__('Close the log')}
          aria-label={trans.__('Close the log')}
          onClick={onClose}
        >
          <closeIcon.react tag="span" elementPosition="center" />
        </button>
      </header>
      <pre
        ref={node}
        tabIndex={0}
        aria-label={title}
        onScroll={event => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          followsEnd.current =
            scrollHeight - clientHeight - scrollTop < NEAR_END;
        }}
      >
        {text(props)}
      </pre>
    </section>
  );
}

function text({ isOver, log, trans }: ILogViewProps): string {
  if (log.error !== null) {
    return trans.__('The log could not be loaded: %1', log.error.message);
  }
  if (!log.isLoaded) {
    return '';
  }
  if (log.text === '') {
    return isOver
      ? trans.__('Nothing was printed.')
      : trans.__('Nothing was printed so far.');
  }
  return log.isCut ? `…\n${log.text}` : log.text;
}
