import type { LogPiece } from '../../api/types';
import { ResultLog } from '../../viewer/resultlog';

/** A log on the server that grows. */
class FakeLog {
  text = '';
  complete = false;
  readonly offsets: number[] = [];

  async getLog(
    _: string | number,
    { offset = 0 }: { offset?: number } = {}
  ): Promise<LogPiece> {
    this.offsets.push(offset);
    const start = offset < 0 ? Math.max(0, this.text.length + offset) : offset;
    return {
      text: this.text.slice(start),
      offset: start,
      next_offset: this.text.length,
      size_bytes: this.text.length,
      complete: this.complete
    };
  }
}

describe('ResultLog', () => {
  it('fetches the end first, then only what is new', async () => {
    const server = new FakeLog();
    const log = new ResultLog('42', server);
    server.text = 'one\n';

    await log.fetch();
    server.text += 'two\n';
    await log.fetch();

    expect(log.text).toBe('one\ntwo\n');
    expect(server.offsets).toEqual([-65_536, 4]);
    log.dispose();
  });

  it('says when the beginning is missing', async () => {
    const server = new FakeLog();
    const log = new ResultLog('42', server);
    server.text = 'x'.repeat(70_000);

    await log.fetch();

    expect(log.isCut).toBe(true);
    expect(log.text).toHaveLength(65_536);
    log.dispose();
  });

  it('shows no escape sequences and knows when it is complete', async () => {
    const server = new FakeLog();
    const log = new ResultLog('42', server);
    server.text = '\u001b[31mred\u001b[0m';
    server.complete = true;

    await log.fetch();

    expect(log.text).toBe('red');
    expect(log.isComplete).toBe(true);
    log.dispose();
  });
});
