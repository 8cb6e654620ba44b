/** Holds executions until a test lets them go. */
import { mkdirSync, writeFileSync } from 'fs';
import { dirname } from 'path';

/** A file whose appearance lets executions go on: see `waitFor`. */
export class Gate {
  /** Create it, closed. */
  constructor(readonly path: string) {}

  /** Let them go on. */
  open(): void {
    mkdirSync(dirname(this.path), { recursive: true });
    writeFileSync(this.path, '');
  }
}
