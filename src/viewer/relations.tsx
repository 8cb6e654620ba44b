/** Which executions this one follows and collects, and which follow and collect it. */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { Receipt, Related } from '../api/types';
import { statusLabel } from '../model/labels';

/** So many are named; the rest is counted. */
const MOST_NAMED = 8;

/**
 * The executions it has to do with, each a link to its result.
 *
 * @param props - The receipt, and what a link does.
 */
export function Relations(props: {
  receipt: Receipt;
  open: (id: string) => void;
  trans: TranslationBundle;
}): JSX.Element | null {
  const { receipt, open, trans } = props;
  const { after, then, collects, collected_by: collectedBy } = receipt;
  const rows: [string, Related[], string | null][] = [
    [trans.__('After'), after, null],
    [trans.__('Then'), then, null],
    [trans.__('Collects'), collects?.executions ?? [], collects?.note ?? null],
    [trans.__('Collected by'), collectedBy, null]
  ];
  const shown = rows.filter(([, related, note]) => related.length > 0 || note);
  return shown.length === 0 ? null : (
    <dl className="jp-Receipt-facts">
      {shown.map(([name, related, note]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <Links related={related} open={open} trans={trans} />
            {note !== null && <> {note}</>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Links(props: {
  related: Related[];
  open: (id: string) => void;
  trans: TranslationBundle;
}): JSX.Element {
  const { related, open, trans } = props;
  const nMore = related.length - MOST_NAMED;
  return (
    <>
      {related.slice(0, MOST_NAMED).map(each => (
        <React.Fragment key={each.id}>
          <button
            type="button"
            className="jp-Receipt-link"
            title={`${each.title} (${statusLabel(each.status, trans)})`}
            aria-label={trans.__('Open #%1, %2', each.number, each.title)}
            onClick={() => open(each.id)}
          >
            #{each.number}
          </button>{' '}
        </React.Fragment>
      ))}
      {nMore > 0 && trans.__('and %1 more', nMore)}
    </>
  );
}
