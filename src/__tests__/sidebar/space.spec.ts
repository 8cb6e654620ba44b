import { Dialog } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';

import type { Collection, Retention } from '../../api/types';
import { retentionOf, SpaceModel } from '../../sidebar/space';
import { planLabel, SpaceBody } from '../../sidebar/spacedialog';

const trans = nullTranslator.load('jupyter_async_exec');

function makePlan(fields: Partial<Collection> = {}): Collection {
  return {
    dry_run: true,
    n_executions: 2,
    executions: [],
    n_objects: 3,
    freed_bytes: 1_500_000,
    later_bytes: 0,
    used_bytes: 4_000_000,
    message: null,
    ...fields
  };
}

/** A server whose answers the test gives, in any order. */
class Answers {
  asked: Retention[] = [];
  answer: ((plan: Collection) => void)[] = [];

  makeRoom(retention: Retention): Promise<Collection> {
    this.asked.push(retention);
    return new Promise(done => this.answer.push(done));
  }
}

describe('SpaceModel', () => {
  it('shows what the latest choice would remove, whichever answer comes last', async () => {
    const client = new Answers();
    const model = new SpaceModel({ client });

    model.choice = 'unused90';
    model.choice = 'unused30';
    client.answer[1](makePlan({ n_executions: 7 }));
    client.answer[0](makePlan({ n_executions: 1 }));
    await Promise.resolve();
    await Promise.resolve();

    expect(model.plan?.n_executions).toBe(7);
    expect(client.asked.map(({ dry_run }) => dry_run)).toEqual([true, true]);
  });

  it('removes only what was shown, and only that', async () => {
    const client = new Answers();
    const model = new SpaceModel({ client });

    const unseen = await model.remove();
    model.choice = 'older30';
    client.answer[0](makePlan());
    await Promise.resolve();
    const removal = model.remove();
    client.answer[1](makePlan({ dry_run: false }));

    expect(unseen).toBeNull();
    expect((await removal)?.dry_run).toBe(false);
    expect(client.asked[1]).toEqual({
      ...retentionOf('older30', true),
      dry_run: false
    });
  });

  it('has nothing to remove where nothing would go', async () => {
    const client = new Answers();
    const model = new SpaceModel({ client });
    void model.refresh();
    client.answer[0](makePlan({ n_executions: 0, n_objects: 0 }));
    await Promise.resolve();

    expect(await model.remove()).toBeNull();
    expect(client.asked).toHaveLength(1);
  });
});

describe('planLabel', () => {
  it('tells what is used, what would go and what comes later', () => {
    expect(planLabel(makePlan({ later_bytes: 2_000 }), trans)).toBe(
      'Executions use 4.0 MB. 2 executions would go, which frees 1.5 MB. 2.0 kB more become free a day later.'
    );
  });

  it('does not speak of more where nothing is freed at once', () => {
    const plan = makePlan({ freed_bytes: 0, later_bytes: 2_000 });

    expect(planLabel(plan, trans)).toBe(
      'Executions use 4.0 MB. 2 executions would go. 2.0 kB become free a day later.'
    );
  });

  it('says it where nothing would go, or only what nobody needs', () => {
    const label = (n_objects: number, freed_bytes: number): string =>
      planLabel(makePlan({ n_executions: 0, n_objects, freed_bytes }), trans);

    expect(label(0, 0)).toBe('Executions use 4.0 MB. Nothing would go.');
    expect(label(3, 2_000)).toContain(
      '2.0 kB would go that no execution needs.'
    );
  });
});

describe('SpaceBody', () => {
  it('lets nothing be removed before it shows what that would be', async () => {
    const client = new Answers();
    const model = new SpaceModel({ client });
    const dialog = new Dialog({
      body: new SpaceBody({ model, trans }),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: 'Remove' })]
    });
    const button =
      dialog.node.querySelector<HTMLButtonElement>('.jp-mod-accept');
    const answer = async (plan: Collection): Promise<void> => {
      client.answer.pop()?.(plan);
      await new Promise(done => setTimeout(done));
    };
    const closed = dialog.launch();
    void model.refresh();
    await new Promise(done => setTimeout(done));
    expect(button?.disabled).toBe(true);

    await answer(makePlan());
    expect(button?.disabled).toBe(false);

    model.choice = 'unused30';
    expect(button?.disabled).toBe(true);
    await answer(makePlan({ n_executions: 0, n_objects: 0 }));
    expect(button?.disabled).toBe(true);
    dialog.reject();
    await closed;
  });
});
