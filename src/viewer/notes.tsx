/** What people write about an execution: its tags and a note. */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { Execution, ExecutionEdit } from '../api/types';

/** As the server has it. */
const LONGEST_NOTE = 100_000;

/**
 * Its tags and its note, if there are any.
 *
 * @param props - The execution.
 */
export function Notes(props: {
  execution: Execution;
  trans: TranslationBundle;
}): JSX.Element | null {
  const { execution, trans } = props;
  const { note, tags } = execution;
  if (note === '' && tags.length === 0) {
    return null;
  }
  return (
    <div className="jp-Receipt-notes">
      {tags.length > 0 && (
        <ul className="jp-Receipt-tags" aria-label={trans.__('Tags')}>
          {tags.map(tag => (
            <li key={tag}>{tag}</li>
          ))}
        </ul>
      )}
      {note !== '' && <p className="jp-Receipt-writtennote">{note}</p>}
    </div>
  );
}

/**
 * Where they are written.
 *
 * @param props - The execution, and what keeps a change.
 */
export function NotesDrawer(props: {
  execution: Execution;
  save: (edit: ExecutionEdit) => Promise<void>;
  trans: TranslationBundle;
}): JSX.Element {
  const { execution, save, trans } = props;
  const [tags, setTags] = React.useState(execution.tags.join(', '));
  const [note, setNote] = React.useState(execution.note);
  const [said, setSaid] = React.useState<{ text: string; isBad: boolean }>();
  const submit = async (event: React.FormEvent): Promise<void> => {
    event.preventDefault();
    try {
      await save({ note, tags: tagsIn(tags) });
      setSaid({ text: trans.__('Saved.'), isBad: false });
    } catch (error) {
      setSaid({ text: String((error as Error).message), isBad: true });
    }
  };
  const change = (set: (text: string) => void) => {
    return (event: { target: { value: string } }): void => {
      set(event.target.value);
      setSaid(undefined);
    };
  };
  return (
    <form
      className="jp-Receipt-notesform"
      onSubmit={event => void submit(event)}
    >
      <label>
        <span>{trans.__('Tags, separated by commas')}</span>
        <input
          className="jp-mod-styled"
          type="text"
          value={tags}
          onChange={change(setTags)}
        />
      </label>
      <label>
        <span>{trans.__('Note')}</span>
        <textarea
          className="jp-mod-styled"
          rows={3}
          maxLength={LONGEST_NOTE}
          value={note}
          onChange={change(setNote)}
        />
      </label>
      <div className="jp-Receipt-notesend">
        <button type="submit" className="jp-Button jp-mod-styled jp-mod-accept">
          {trans.__('Save')}
        </button>
        {said && (
          <span role={said.isBad ? 'alert' : 'status'}>{said.text}</span>
        )}
      </div>
    </form>
  );
}

/**
 * The tags in what somebody typed, each once.
 *
 * @param text - Tags, separated by commas.
 */
export function tagsIn(text: string): string[] {
  const tags = text.split(',').map(tag => tag.trim());
  return [...new Set(tags.filter(tag => tag !== ''))];
}
