import type { IOutput } from '@jupyterlab/nbformat';

import { shortenStreams } from '../../model/streams';

const note = (nLines: number): string => `${nLines} lines above`;

function stream(text: string | string[]): IOutput {
  return { output_type: 'stream', name: 'stdout', text };
}

function shortened(output: IOutput): string {
  return shortenStreams([output], note)[0].text as string;
}

describe('shortenStreams', () => {
  it('leaves the last lines of a long stream, whole, and says how many it left out', () => {
    const lines = Array.from({ length: 20_000 }, (_, line) => `line ${line}\n`);

    const [first, ...rest] = shortened(stream(lines)).split('\n');

    expect(rest.length).toBeGreaterThan(3_000);
    expect(first).toBe(`${20_001 - rest.length} lines above`);
    expect(rest[0]).toBe(`line ${20_001 - rest.length}`);
    expect(rest.slice(-2)).toEqual(['line 19999', '']);
  });

  it('leaves the end of a line that never ends', () => {
    expect(shortened(stream('x'.repeat(1_000_000)))).toMatch(
      /^0 lines above\nx{50000}$/
    );
  });

  it('leaves alone what is short, and what is no stream', () => {
    const outputs: IOutput[] = [
      stream(['1\n', '2\n']),
      {
        output_type: 'display_data',
        data: { 'text/plain': 'x'.repeat(1_000_000) },
        metadata: {}
      }
    ];

    expect(shortenStreams(outputs, note)).toEqual(outputs);
  });
});
