/**
 * The table as comma-separated values.
 */

/**
 * What a spreadsheet would take for a formula. A minus before a number is one.
 */
const FORMULA = /^[=+\-@\t\r]/;
const NUMBER = /^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|Infinity)$/i;

/**
 * Rows as RFC 4180 wants them, for spreadsheets too.
 *
 * #### Notes
 * A text that a spreadsheet would compute is given an apostrophe in front, so
 * that it stays a text: names and values may come from anybody's notebook.
 *
 * @param rows - the first has the names of the columns.
 */
export function toCsv(rows: readonly (readonly unknown[])[]): string {
  return rows.map(row => `${row.map(field).join(',')}\r\n`).join('');
}

function field(value: unknown): string {
  const text = textOf(value);
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) {
    return '';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
