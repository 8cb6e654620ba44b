/** What a receipt shows on demand: the log, the artifacts, the files of the snapshot. */
import type { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import type { Artifact, Receipt } from '../api/types';
import type { ExecutionLog } from '../model/executionlog';
import { sizeLabel } from '../model/sizes';
import { madeByNotebook } from './words';

/** How close to its end a log counts as read to the end, in pixels. */
const AT_END_PX = 20;

/**
 * What the notebook printed.
 *
 * @param props - The log, fetched while this is shown, and whether it is over.
 */
export function LogDrawer(props: {
  log: ExecutionLog;
  isOver: boolean;
  trans: TranslationBundle;
}): JSX.Element {
  const { log } = props;
  React.useEffect(() => {
    log.start();
    return () => log.stop();
  }, [log]);
  return (
    <UseSignal signal={log.changed}>
      {() => <LogText {...props} text={log.text} />}
    </UseSignal>
  );
}

function LogText(props: {
  log: ExecutionLog;
  isOver: boolean;
  text: string;
  trans: TranslationBundle;
}): JSX.Element {
  const { log, text, trans } = props;
  const node = React.useRef<HTMLPreElement>(null);
  const isAtEnd = React.useRef(true);
  React.useLayoutEffect(() => {
    if (node.current && isAtEnd.current) {
      node.current.scrollTop = node.current.scrollHeight;
    }
  }, [text]);
  if (log.error && !log.isLoaded) {
    return <p className="jp-Receipt-note">{log.error.message}</p>;
  }
  if (text === '') {
    return (
      <p className="jp-Receipt-note">
        {!log.isLoaded
          ? trans.__('Loading…')
          : props.isOver
            ? trans.__('Nothing was printed.')
            : trans.__('Nothing was printed so far.')}
      </p>
    );
  }
  return (
    <>
      {log.isCut && (
        <p className="jp-Receipt-note">{trans.__('The end of the log:')}</p>
      )}
      <pre
        ref={node}
        className="jp-Receipt-log"
        role="region"
        aria-label={trans.__('Log')}
        // So that it can be scrolled by keyboard.
        tabIndex={0}
        onScroll={event => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < AT_END_PX;
        }}
      >
        {text}
      </pre>
    </>
  );
}

/** What is shown of the files an execution produced. */
export interface IArtifactsProps {
  /** The files, as the server lists them. */
  artifacts: readonly Artifact[];
  /** Show one in a tab of its own. */
  preview: (name: string) => void;
  /** Where one can be downloaded. */
  url: (name: string) => string;
  /** The words. */
  trans: TranslationBundle;
}

/**
 * The files an execution produced; the executed notebook comes last.
 *
 * @param props - The artifacts, and what can be done with them.
 */
export function ArtifactsDrawer(props: IArtifactsProps): JSX.Element {
  const { artifacts, trans } = props;
  const made = madeByNotebook(artifacts);
  const others = artifacts.filter(artifact => !made.includes(artifact));
  return (
    <ul className="jp-Receipt-files" aria-label={trans.__('Artifacts')}>
      {made.map(artifact => (
        <ArtifactRow {...props} key={artifact.name} artifact={artifact} />
      ))}
      {others.map(artifact => (
        <ArtifactRow
          {...props}
          key={artifact.name}
          artifact={artifact}
          label={trans.__('The executed notebook')}
        />
      ))}
    </ul>
  );
}

function ArtifactRow(
  props: IArtifactsProps & { artifact: Artifact; label?: string }
): JSX.Element {
  const { label, preview, trans, url } = props;
  const { name, previewable, size_bytes } = props.artifact;
  return (
    <li>
      <span className="jp-Receipt-file" title={name}>
        {label ?? name}
      </span>
      <span className="jp-Receipt-size">{sizeLabel(size_bytes)}</span>
      <a
        className="jp-Receipt-link"
        aria-label={trans.__('Download %1', name)}
        href={url(name)}
        download={name.split('/').pop()}
      >
        {trans.__('Download')}
      </a>
      {previewable && (
        <button
          type="button"
          className="jp-Receipt-link"
          aria-label={trans.__('Preview %1', name)}
          onClick={() => preview(name)}
        >
          {trans.__('Preview')}
        </button>
      )}
    </li>
  );
}

/**
 * The files of the snapshot, and what else is to be known of it.
 *
 * @param props - The receipt.
 */
export function FilesDrawer(props: {
  receipt: Receipt;
  trans: TranslationBundle;
}): JSX.Element {
  const { receipt, trans } = props;
  const { captured, linked } = receipt.snapshot;
  return (
    <div className="jp-Receipt-snapshot">
      {receipt.notes.map((note, index) => (
        <p key={index} className="jp-Receipt-note">
          {note}
        </p>
      ))}
      <Files files={captured} label={trans.__('Captured files')} />
      {linked.length > 0 && (
        <>
          <p className="jp-Receipt-note">
            {trans.__(
              'Linked: too large to capture, so used where they lie. Only size and time were noted; a later change is not undone by running again.'
            )}
          </p>
          <Files files={linked} label={trans.__('Linked files')} />
        </>
      )}
    </div>
  );
}

function Files(props: {
  files: readonly { path: string; size_bytes: number }[];
  label: string;
}): JSX.Element {
  return (
    <ul className="jp-Receipt-files" aria-label={props.label}>
      {props.files.map(({ path, size_bytes }) => (
        <li key={path}>
          <span className="jp-Receipt-file" title={path}>
            {path}
          </span>
          <span className="jp-Receipt-size">{sizeLabel(size_bytes)}</span>
        </li>
      ))}
    </ul>
  );
}
