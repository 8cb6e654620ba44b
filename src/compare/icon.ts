/**
 * How comparing looks.
 */
import { LabIcon } from '@jupyterlab/ui-components';

import compareSvg from '../../style/icons/compare.svg';

/** Executions side by side. */
export const compareIcon = new LabIcon({
  name: 'jupyter-async-exec:compare',
  svgstr: compareSvg
});
