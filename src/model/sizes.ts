/** Sizes in words. */

/**
 * A size as people read it: `0 B`, `12.3 kB`, `4.0 MB`.
 *
 * @param bytes - The size.
 */
export function sizeLabel(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = bytes;
  let unit = 0;
  // Not 1000: 999.95 kB would be written 1000.0 kB.
  while (size >= 999.95 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${size} B` : `${size.toFixed(1)} ${units[unit]}`;
}
