import { Signal } from '@lumino/signaling';

import type { Curve } from '../../api/types';
import type { CompareModel } from '../../compare/comparemodel';
import { CurvesModel } from '../../compare/curvesmodel';
import type { IExecutionsModel } from '../../tokens';
import { makeRow } from './fakes';

/** A comparison of two that are over. */
class FakeModel {
  readonly changed = new Signal<this, void>(this);
  readonly isLive = false;
  readonly ranked = [];
  readonly rows = [makeRow(1), makeRow(2)];
  selected: unknown[] = [];
}

/** The answers that a test gives. */
type Answer = {
  resolve: (curves: Curve[]) => void;
  reject: (why: Error) => void;
};

let answers: Answer[];
let curves: CurvesModel;
let model: FakeModel;

beforeEach(() => {
  answers = [];
  model = new FakeModel();
  const client = {
    getCurves: (): Promise<Curve[]> =>
      new Promise((resolve, reject) => answers.push({ resolve, reject }))
  };
  curves = new CurvesModel(
    model as unknown as CompareModel,
    { client } as unknown as IExecutionsModel
  );
});

afterEach(() => curves.dispose());

/** Let what has been answered be taken in. */
async function settle(): Promise<void> {
  await new Promise(done => setTimeout(done));
}

describe('CurvesModel', () => {
  it('says which metric is drawn until those of the chosen one are here', async () => {
    curves.metric = 'acc';
    await settle();
    answers[0].resolve([]);
    await settle();

    curves.metric = 'loss';
    await settle();
    expect(curves.drawn).toBe('acc');
    answers[1].resolve([]);
    await settle();

    expect(curves.drawn).toBe('loss');
  });

  it('says why none came, and asks again with the next change', async () => {
    curves.metric = 'acc';
    await settle();
    answers[0].reject(new Error('not there'));
    await settle();
    expect(curves.error?.message).toBe('not there');

    model.changed.emit();
    await settle();
    answers[1].resolve([]);
    await settle();

    expect(curves.error).toBeNull();
  });
});
