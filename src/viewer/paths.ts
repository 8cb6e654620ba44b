/** Where results live: the paths of the read-only drive `executions:`. */

/** Name of the drive that shows results. */
export const DRIVE_NAME = 'executions';

/** What a path of the drive stands for. */
export type ResultKind = 'output' | 'source' | 'artifact';

/** A path of the drive, understood. */
export interface IResultPath {
  /** Full id of the execution, or its number. */
  readonly id: string;
  /** Which of its documents. */
  readonly kind: ResultKind;
}

/** The part of an execution that its paths are made from. */
export interface INamedExecution {
  readonly id: string;
  readonly number: number;
  readonly notebook_path: string;
}

/**
 * Get the path under which a notebook of an execution opens.
 *
 * @param execution - The execution.
 * @param kind - The executed notebook or its source.
 * @returns A path with its drive, always the same for the same execution, so
 *   that opening it again finds its tab.
 *
 * #### Notes
 * The id and not the number decides: a tab restored later, beside another
 * store, must not show a stranger. The name is for people. It has no `#`, as
 * Notebook before 7.6 puts a path into its address without encoding it.
 */
export function resultPath(
  execution: INamedExecution,
  kind: 'output' | 'source' = 'output'
): string {
  const name = tabName(execution);
  return kind === 'source'
    ? `${DRIVE_NAME}:${execution.id}/source/${name} (source).ipynb`
    : `${DRIVE_NAME}:${execution.id}/${name}.ipynb`;
}

/**
 * Get the path under which an artifact opens.
 *
 * @param executionId - Full id of the execution.
 * @param name - Name of the artifact, may contain `/`.
 */
export function artifactPath(executionId: string, name: string): string {
  return `${DRIVE_NAME}:${executionId}/artifacts/${name}`;
}

/**
 * Understand a path.
 *
 * @param path - Any Jupyter path.
 * @returns What it stands for; null when it is not of this drive.
 */
export function parseResultPath(path: string): IResultPath | null {
  if (!path.startsWith(`${DRIVE_NAME}:`)) {
    return null;
  }
  const [id, second, ...rest] = path
    .slice(DRIVE_NAME.length + 1)
    .replace(/^\/+/, '')
    .split('/');
  if (!id || !second) {
    return null;
  }
  if (rest.length === 0) {
    return { id, kind: 'output' };
  }
  switch (second) {
    case 'source':
      return { id, kind: 'source' };
    case 'artifacts':
      return { id, kind: 'artifact' };
    default:
      return null;
  }
}

function tabName(execution: INamedExecution): string {
  const base = execution.notebook_path.split(/[/\\]/).pop() ?? '';
  const safe = base
    .replace(/^[^:]*:/, '')
    // Characters that mean something in an address or to a drive.
    .replace(/[#?%:*"<>|\p{Cc}]/gu, '_')
    .replace(/\.ipynb$/i, '');
  return `${execution.number} ${safe || 'notebook'}`;
}
