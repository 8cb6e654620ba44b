/** What had changed since the commit when an execution was submitted. */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { Receipt } from '../api/types';
import { DiffLines } from '../diffs/difflines';
import type { IFilePatch } from '../diffs/gitpatch';
import { filesOf } from '../diffs/gitpatch';
import { shortId } from './words';

/** Where the files stood. */
type Git = NonNullable<Receipt['git']>;

/**
 * The patch, file by file.
 *
 * @param props - Where the files stood.
 */
export function ChangesDrawer(props: {
  git: Git;
  trans: TranslationBundle;
}): JSX.Element {
  const { git, trans } = props;
  const files = React.useMemo(() => filesOf(git.diff), [git.diff]);
  return (
    <div
      className="jp-Receipt-changes"
      role="region"
      aria-label={trans.__('Uncommitted changes')}
      // So that it can be scrolled by keyboard.
      tabIndex={0}
    >
      <p className="jp-Receipt-note">{sentence(git, trans)}</p>
      {files.map(file => (
        <figure key={file.path}>
          <figcaption>{fileLabel(file, trans)}</figcaption>
          {file.lines.length > 0 && <DiffLines lines={file.lines} />}
        </figure>
      ))}
      {git.diff_cut && files.length > 0 && (
        <p className="jp-Receipt-note">
          {trans.__('It is cut off here: the rest was too much to keep.')}
        </p>
      )}
    </div>
  );
}

function sentence(
  { commit, diff, diff_cut }: Git,
  trans: TranslationBundle
): string {
  const id = shortId(commit);
  if (diff !== '') {
    return trans.__(
      'What differed from commit %1. Notebooks, large files, files outside the captured folder and files that may hold secrets are left out.',
      id
    );
  }
  return diff_cut
    ? trans.__('What differed from commit %1 was too much to keep.', id)
    : trans.__(
        'What differed from commit %1 is not kept: notebooks, large files, files outside the captured folder and files that may hold secrets are left out.',
        id
      );
}

function fileLabel(
  { change, isText, lines, path }: IFilePatch,
  trans: TranslationBundle
): string {
  if (!isText) {
    return trans.__('%1, which is no text', path);
  }
  switch (change) {
    case 'added':
      return trans.__('%1, new', path);
    case 'removed':
      return trans.__('%1, deleted', path);
    case 'changed':
      return lines.length === 0 ? trans.__('%1, no line of it', path) : path;
  }
}
