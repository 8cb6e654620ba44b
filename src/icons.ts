/**
 * The icons of this package; each follows the theme.
 */
import { LabIcon } from '@jupyterlab/ui-components';

import cancelledSvg from '../style/icons/cancelled.svg';
import failedSvg from '../style/icons/failed.svg';
import logSvg from '../style/icons/log.svg';
import queueSvg from '../style/icons/queue.svg';
import queuedSvg from '../style/icons/queued.svg';
import runningSvg from '../style/icons/running.svg';
import starSvg from '../style/icons/star.svg';
import starredSvg from '../style/icons/starred.svg';
import submitSvg from '../style/icons/submit.svg';
import succeededSvg from '../style/icons/succeeded.svg';
import type { Status } from './api/types';

/** The sidebar. */
export const queueIcon = new LabIcon({
  name: 'jupyter-async-exec:queue',
  svgstr: queueSvg
});

/** Running a notebook as an experiment. */
export const submitIcon = new LabIcon({
  name: 'jupyter-async-exec:submit',
  svgstr: submitSvg
});

/** What a notebook printed. */
export const logIcon = new LabIcon({
  name: 'jupyter-async-exec:log',
  svgstr: logSvg
});

/** Not starred. */
export const starIcon = new LabIcon({
  name: 'jupyter-async-exec:star',
  svgstr: starSvg
});

/** Starred. */
export const starredIcon = new LabIcon({
  name: 'jupyter-async-exec:starred',
  svgstr: starredSvg
});

/** One icon for each status. */
export const statusIcons: Readonly<Record<Status, LabIcon>> = {
  queued: new LabIcon({
    name: 'jupyter-async-exec:queued',
    svgstr: queuedSvg
  }),
  running: new LabIcon({
    name: 'jupyter-async-exec:running',
    svgstr: runningSvg
  }),
  succeeded: new LabIcon({
    name: 'jupyter-async-exec:succeeded',
    svgstr: succeededSvg
  }),
  failed: new LabIcon({
    name: 'jupyter-async-exec:failed',
    svgstr: failedSvg
  }),
  cancelled: new LabIcon({
    name: 'jupyter-async-exec:cancelled',
    svgstr: cancelledSvg
  })
};
