/**
 * What every row of the list is made of, whatever it shows.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Status } from '../api/types';
import { statusIcons } from '../icons';
import { statusLabel } from '../model/labels';
import type { IRowAction } from './actions';

/** Where a row stands. */
export interface IRowPlace {
  /** Milliseconds on the server's clock. */
  now: number;

  /** Its 0-based place on the list. */
  position: number;

  /** How many rows there are, `-1` while that is not known. */
  setSize: number;

  /** Pixels from the top of the list. */
  top: number;

  /** Whether it is the selected row. */
  isSelected: boolean;

  /** Whether Tab stops here. */
  isTabStop: boolean;
}

/** What a frame is drawn from. */
interface IRowFrameProps {
  /** Where it stands. */
  place: IRowPlace;

  /** Told by its colour. */
  status: Status;

  /** 2 below the row of a sweep. */
  level: 1 | 2;

  /** What else it looks like. */
  modifiers?: readonly string[];

  /** What it is, for whoever finds its element. */
  data: Record<`data-${string}`, string | number>;

  /** The small buttons; asked for when somebody sees them. */
  actions: () => IRowAction[];

  /** What the buttons act on: "#42". */
  name: string;

  /** The words. */
  trans: TranslationBundle;

  /** The row itself. */
  children: React.ReactNode;
}

/**
 * A place on the list, and the small buttons of what stands there.
 *
 * @param props - where it is, and what stands there.
 */
export function RowFrame(props: IRowFrameProps): JSX.Element {
  const { place, status } = props;
  const [isHovered, setHovered] = React.useState(false);
  const classes = ['jp-ExecutionsPanel-row', `jp-mod-${status}`];
  if (place.isSelected) {
    classes.push('jp-mod-selected');
  }
  return (
    <li
      className={[...classes, ...(props.modifiers ?? [])].join(' ')}
      aria-level={props.level}
      aria-posinset={place.position + 1}
      aria-setsize={place.setSize}
      data-status={status}
      {...props.data}
      style={{ top: place.top }}
      onMouseEnter={() => setHovered(true)}
      onMouseLeave={() => setHovered(false)}
    >
      {props.children}
      {(isHovered || place.isSelected) && <Actions {...props} />}
    </li>
  );
}

/** Hundreds of buttons that nobody sees would make scrolling slow. */
function Actions({ actions, name, trans }: IRowFrameProps): JSX.Element {
  return (
    <div className="jp-ExecutionsPanel-actions">
      {actions().map(action => (
        <button
          key={action.id}
          type="button"
          tabIndex={-1}
          title={action.label}
          aria-label={trans.__('%1: %2', action.label, name)}
          onClick={action.run}
        >
          <action.icon.react tag="span" elementPosition="center" />
        </button>
      ))}
    </div>
  );
}

/**
 * The status, as an icon and as a word for who sees none.
 *
 * @param props - the status and the words.
 */
export function RowStatus(props: {
  status: Status;
  trans: TranslationBundle;
}): JSX.Element {
  const { status, trans } = props;
  const StatusIcon = statusIcons[status].react;
  return (
    <>
      <span className="jp-ExecutionsPanel-icon" aria-hidden="true">
        <StatusIcon tag="span" elementPosition="center" />
      </span>
      <span className="jp-ExecutionsPanel-hidden">
        {statusLabel(status, trans)}{' '}
      </span>
    </>
  );
}

/**
 * The second line: words, how far it is, and how long that still takes.
 *
 * @param props - the words; of what is not over also how far it is.
 */
export function RowProgress(props: {
  detail: string;
  done: number | null;
  timeLeft: string | null;
}): JSX.Element {
  const { detail, done, timeLeft } = props;
  return (
    <span className="jp-ExecutionsPanel-line jp-mod-second">
      <span className="jp-ExecutionsPanel-detail">{detail}</span>
      {done !== null && (
        <span className="jp-ExecutionsPanel-bar" aria-hidden="true">
          <span style={{ width: `${100 * done}%` }} />
        </span>
      )}
      {timeLeft !== null && (
        <span className="jp-ExecutionsPanel-left">{timeLeft}</span>
      )}
    </span>
  );
}
