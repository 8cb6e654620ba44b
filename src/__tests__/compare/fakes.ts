/**
 * Comparisons as the server tells them.
 */
import type { ComparedRow, Comparison } from '../../api/types';

/**
 * A row with all its fields.
 *
 * @param number - its number, from which the id follows.
 * @param fields - what is not as usual.
 */
export function makeRow(
  number: number,
  fields: Partial<ComparedRow> = {}
): ComparedRow {
  return {
    id: number.toString(16).padStart(32, '0'),
    number,
    title: `title ${number}`,
    notebook_path: 'train.ipynb',
    status: 'succeeded',
    sweep_id: null,
    starred: false,
    parameters: {},
    defaults: {},
    metrics: {},
    started_at: '2026-01-01T10:00:00Z',
    duration_s: 60,
    snapshot_id: '0'.repeat(64),
    environment_id: null,
    ...fields
  };
}

/**
 * A comparison in which nothing differs.
 *
 * @param executions - its rows.
 */
export function makeComparison(executions: ComparedRow[]): Comparison {
  return {
    executions,
    differs: {
      parameters: [],
      metrics: [],
      environment: [],
      files: [],
      code: []
    }
  };
}
