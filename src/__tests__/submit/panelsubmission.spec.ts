import type { NotebookPanel } from '@jupyterlab/notebook';
import { nullTranslator } from '@jupyterlab/translation';

import type { Execution, Sweep, SweepPlan } from '../../api/types';
import type { SubmissionState } from '../../submit/panelsubmission';
import { PanelSubmission } from '../../submit/panelsubmission';
import { Submitter } from '../../submit/submitter';

function makePanel(isReady = true): NotebookPanel {
  return {
    content: {
      model: {
        toJSON: () => ({
          nbformat: 4,
          nbformat_minor: 5,
          metadata: {},
          cells: []
        })
      }
    },
    context: { path: 'Untitled.ipynb', isReady },
    sessionContext: { session: null, kernelPreference: {} }
  } as unknown as NotebookPanel;
}

function make(
  panel: NotebookPanel,
  submit: () => Promise<Execution>,
  same: Execution | null = null
): { submission: PanelSubmission; states: string[]; refused: string[] } {
  const refused: string[] = [];
  const states: string[] = [];
  const submission = PanelSubmission.of({
    panel,
    submitter: new Submitter({
      client: {
        submit,
        rerun: submit,
        submitIfNew: async () =>
          same === null ? { accepted: await submit() } : { same },
        planSweep: async () => ({}) as SweepPlan,
        submitSweep: async () => ({ first_number: 18 }) as Sweep
      }
    }),
    offersSame: () => true,
    trans: nullTranslator.load('jupyter_async_exec'),
    refused: message => refused.push(message)
  });
  submission.stateChanged.connect((_, state: SubmissionState) =>
    states.push(state.type)
  );
  return { submission, states, refused };
}

describe('PanelSubmission', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('shows the number for a few seconds', async () => {
    const { submission, states } = make(
      makePanel(),
      async () => ({ number: 42 }) as Execution
    );

    await submission.run();
    expect(submission.state).toEqual({ type: 'accepted', number: 42 });
    jest.runAllTimers();

    expect(states).toEqual(['sending', 'accepted', 'idle']);
  });

  it('says why it was refused', async () => {
    const { submission, refused } = make(makePanel(), async () => {
      throw new Error('Too big: data.bin has 3 GB.');
    });

    await submission.run();

    expect(submission.state.type).toBe('refused');
    expect(refused).toEqual(['Too big: data.bin has 3 GB.']);
  });

  it('sends nothing of a notebook that is still loading', async () => {
    let posts = 0;
    const { submission, refused } = make(makePanel(false), async () => {
      posts += 1;
      return {} as Execution;
    });

    await submission.run();

    expect(posts).toBe(0);
    expect(refused).toHaveLength(1);
  });

  it('offers what ran already, and runs it when asked again', async () => {
    const submit = async (): Promise<Execution> =>
      ({ number: 42 }) as Execution;
    const same = { number: 38 } as Execution;
    const { submission, states } = make(makePanel(), submit, same);

    expect(await submission.run()).toBeNull();
    expect(submission.state).toEqual({ type: 'same', execution: same });
    jest.runAllTimers();
    expect(submission.state.type).toBe('same');
    await submission.run();

    expect(submission.state).toEqual({ type: 'accepted', number: 42 });
    expect(states).toEqual(['sending', 'same', 'sending', 'accepted']);
  });

  it('is one for the button and the commands of a panel', () => {
    const panel = makePanel();
    const submit = async (): Promise<Execution> => ({}) as Execution;

    expect(make(panel, submit).submission).toBe(make(panel, submit).submission);
  });
});
