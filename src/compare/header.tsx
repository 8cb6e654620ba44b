/**
 * What is compared, which metric counts, and what can be done with all of it.
 */
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Goal } from '../api/types';
import { Choice } from '../fields/choice';
import { metricLabel } from '../model/goals';
import { isFinal } from '../model/labels';
import type { CompareModel } from './comparemodel';

/** How many the button for the best selects, unless somebody says how many. */
const TOP = 3;

/** What a comparison can ask of the rest of the application. */
export interface ICompareActions {
  /** Open the result of an execution. */
  open: (id: string) => void;

  /** Save a text as a file. */
  download: (name: string, text: string) => void;

  /** Ask for a notebook and give it the selected executions. */
  collect: () => Promise<void>;

  /** Say that something failed. */
  report: (problem: string) => void;
}

/** What the header shows. */
export interface IHeaderProps {
  model: CompareModel;
  actions: ICompareActions;
  trans: TranslationBundle;
}

/**
 * The lines above the views.
 *
 * @param props - what they show.
 */
export function Header(props: IHeaderProps): JSX.Element {
  return (
    <div className="jp-Compare-header">
      <Summary {...props} />
      <div className="jp-Compare-bar">
        <GoalChoice {...props} />
        <SelectBest {...props} />
        <span className="jp-Compare-gapfill" />
        <Actions {...props} />
      </div>
    </div>
  );
}

function Summary({ model, trans }: IHeaderProps): JSX.Element {
  const { goal, rows } = model;
  const done = rows.filter(({ status }) => isFinal(status)).length;
  const running = rows.filter(({ status }) => status === 'running').length;
  const failed = rows.filter(({ status }) => status === 'failed').length;
  const [best] = model.ranked;
  const bestLabel =
    goal === null || best === undefined
      ? ''
      : `${goal.metric} ${metricLabel(best.metrics[goal.metric])}`;
  const parts = [
    trans._n('%1 execution', '%1 executions', rows.length),
    ...(model.isLive
      ? [trans.__('%1 done', done), trans.__('%1 running', running)]
      : []),
    ...(failed > 0 ? [trans.__('%1 failed', failed)] : []),
    ...(bestLabel !== ''
      ? [
          model.isLive
            ? trans.__('best so far %1 (#%2)', bestLabel, best.number)
            : trans.__('best %1 (#%2)', bestLabel, best.number)
        ]
      : [])
  ];
  return <p className="jp-Compare-summary">{parts.join(' · ')}</p>;
}

function GoalChoice({ actions, model, trans }: IHeaderProps): JSX.Element {
  const { goal } = model;
  const names = model.columns
    .filter(({ kind }) => kind === 'metric')
    .map(({ label }) => label);
  if (goal !== null && !names.includes(goal.metric)) {
    names.push(goal.metric);
  }
  const set = (next: Goal | null): void => {
    model.setGoal(next).catch(error => actions.report(String(error.message)));
  };
  return (
    <span className="jp-Compare-goalchoice">
      <label
        title={
          model.objective === null
            ? undefined
            : trans.__(
                'The sweep has its own goal; another choice holds in this tab only'
              )
        }
      >
        {goalLabel(model, trans)}
        <Choice
          choices={[
            ['', trans.__('no metric')],
            ...names.map(name => [name, name] as const)
          ]}
          value={goal?.metric ?? ''}
          onChange={metric =>
            set(
              metric === ''
                ? null
                : {
                    metric,
                    direction: goal?.direction ?? usualDirection(metric)
                  }
            )
          }
        />
      </label>
      {goal !== null && (
        <Choice
          label={trans.__('Which values are better')}
          choices={[
            ['maximise', trans.__('higher is better')],
            ['minimise', trans.__('lower is better')]
          ]}
          value={goal.direction}
          onChange={direction => set({ ...goal, direction })}
        />
      )}
    </span>
  );
}

/** Of several notebooks, whose goal it is. */
function goalLabel(
  { goalPath, objective, rows }: CompareModel,
  trans: TranslationBundle
): string {
  const isOne = rows.every(({ notebook_path }) => notebook_path === goalPath);
  return objective !== null || goalPath === null || isOne
    ? trans.__('Goal')
    : trans.__('Goal of %1', PathExt.basename(goalPath));
}

/**
 * The direction that a metric of this name most often has; one click changes it.
 *
 * @param metric - its name.
 */
export function usualDirection(metric: string): Goal['direction'] {
  return /loss|err|mse|mae|perplexity|time|duration|latency|cost/i.test(metric)
    ? 'minimise'
    : 'maximise';
}

function SelectBest({ model, trans }: IHeaderProps): JSX.Element | null {
  const { goal, ranked, rows } = model;
  const [most, setMost] = React.useState(TOP);
  const [typed, setTyped] = React.useState<string | null>(null);
  if (goal === null || ranked.length === 0 || rows.length < 2) {
    return null;
  }
  const n = Math.min(most, ranked.length);
  const select = (): void =>
    model.selectOnly(ranked.slice(0, n).map(({ id }) => id));
  return (
    <span className="jp-Compare-top">
      <Button onClick={select}>
        {trans.__('Top %1 by %2', n, goal.metric)}
      </Button>
      <input
        className="jp-mod-styled"
        type="number"
        min={1}
        max={rows.length}
        aria-label={trans.__('How many of the best are selected')}
        title={trans.__('How many of the best are selected')}
        value={typed ?? Math.min(most, rows.length)}
        onChange={event => {
          // While another number is typed there may be none.
          const asked = Math.floor(Number(event.target.value));
          setTyped(event.target.value);
          setMost(asked >= 1 ? asked : most);
        }}
        onBlur={() => setTyped(null)}
        onKeyDown={event => {
          if (event.key === 'Enter') {
            select();
          }
        }}
      />
    </span>
  );
}

function Actions({ actions, model, trans }: IHeaderProps): JSX.Element {
  const [isStopping, setStopping] = React.useState(false);
  const n = model.selected.length;
  const stop = async (): Promise<void> => {
    setStopping(true);
    try {
      await model.stopTheRest();
    } catch (error) {
      actions.report((error as Error).message);
    }
    setStopping(false);
  };
  return (
    <>
      {n > 0 && (
        <Button
          title={trans.__(
            'Run another notebook, which is given what these executions left'
          )}
          onClick={() => void actions.collect()}
        >
          {trans.__('Collect %1 with notebook…', n)}
        </Button>
      )}
      {'sweep' in model.set && model.isLive && (
        <Button
          title={trans.__('Start nothing more; what runs comes to its end')}
          isDisabled={isStopping || model.nWaiting === 0}
          onClick={() => void stop()}
        >
          {trans.__('Stop the rest')}
        </Button>
      )}
    </>
  );
}

/** What a button does. */
export interface IButtonProps {
  onClick: () => void;
  title?: string;
  isDisabled?: boolean;
  children: React.ReactNode;
}

/**
 * A button of the comparison.
 *
 * @param props - what it does.
 */
export function Button(props: IButtonProps): JSX.Element {
  return (
    <button
      type="button"
      className="jp-Button jp-mod-styled jp-mod-minimal jp-Compare-button"
      title={props.title}
      disabled={props.isDisabled}
      onClick={props.onClick}
    >
      {props.children}
    </button>
  );
}
