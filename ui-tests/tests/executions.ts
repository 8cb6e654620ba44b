/** The extension as a user meets it: found by role and name, never by class. */
import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import type { Locator, Page } from '@playwright/test';
import { expect } from '@playwright/test';

/** What Galata's page and Playwright's have in common. */
export type AnyPage = Pick<
  Page,
  Extract<keyof Page, keyof IJupyterLabPageFixture>
>;

/** The answer to a submission, as far as tests look at it. */
export interface IExecution {
  id: string;
  number: number;
  status: string;
  [field: string]: unknown;
}

/** The page object of everything that belongs to the extension. */
export class Executions {
  /** Create it. */
  constructor(readonly page: AnyPage) {}

  /** Reload the page; Galata would wait for a launcher. */
  async reload(): Promise<void> {
    const options: object = { waitForIsReady: false };
    await this.page.reload(options);
  }

  // ------------------------------------------------------------- submitting

  /** The toolbar button of the notebook in front. */
  get button(): Locator {
    return this.page
      .getByRole('button', { name: 'Run as experiment', exact: true })
      .and(this.page.locator(':not([role=dialog] *)'));
  }

  /** The arrow beside it. */
  get moreButton(): Locator {
    return this.page.getByRole('button', {
      name: 'More ways to run as experiment'
    });
  }

  /**
   * Wait for the server to accept what an action submits.
   *
   * @param action - What the user does.
   */
  async accepted(action: () => Promise<unknown>): Promise<IExecution> {
    const answer = this.page.waitForResponse(
      response =>
        /\/async-exec\/executions(\/\w+\/rerun)?$/.test(
          new URL(response.url()).pathname
        ) && response.request().method() === 'POST'
    );
    await action();
    return (await answer).json();
  }

  /** Click the button; the number is in it afterwards. */
  async submit(): Promise<IExecution> {
    const execution = await this.accepted(() => this.button.click());
    await expect(this.button).toContainText(`#${execution.number}`);
    return execution;
  }

  // ---------------------------------------------------------------- sidebar

  /** The panel. */
  get panel(): Locator {
    return this.page.getByRole('region', { name: 'Executions', exact: true });
  }

  /** Its icon at the edge of the window. */
  get icon(): Locator {
    return this.page.getByRole('tab', { name: /^Executions/ });
  }

  /** Show the panel. */
  async openSidebar(): Promise<void> {
    // The icon hides what shows, and JupyterLab may be about to restore it.
    await expect(async () => {
      if (!(await this.panel.isVisible())) {
        await this.icon.click();
      }
      await expect(this.panel).toBeVisible({ timeout: 1000 });
    }).toPass();
  }

  /** All rows. */
  get rows(): Locator {
    return this.panel
      .getByRole('list', { name: /^Executions/ })
      .getByRole('listitem');
  }

  /**
   * Get a row.
   *
   * @param number - The number of its execution.
   */
  row(number: number): Locator {
    return this.rows.filter({
      has: this.page.getByText(`#${number}`, { exact: true })
    });
  }

  /**
   * Get the row of a sweep.
   *
   * @param first - The number of its first execution.
   * @param last - The number of its last.
   */
  sweepRow(first: number, last: number): Locator {
    return this.rows.filter({
      has: this.page.getByText(`#${first}–${last}`, { exact: true })
    });
  }

  /**
   * Get what of the row of a sweep opens it.
   *
   * @param first - The number of its first execution.
   * @param last - The number of its last.
   */
  sweepButton(first: number, last: number): Locator {
    return this.sweepRow(first, last).getByRole('button', {
      name: new RegExp(`^\\S+ #${first}–${last} `)
    });
  }

  /**
   * Choose an entry of the menu of a sweep.
   *
   * @param row - Its row.
   * @param label - The entry.
   */
  async chooseFor(row: Locator, label: string): Promise<void> {
    await row.click({ button: 'right' });
    await this.page
      .getByRole('menu')
      .getByRole('menuitem', { name: label, exact: true })
      .click();
  }

  /**
   * Get what of a row opens the result.
   *
   * @param number - The number of its execution.
   */
  rowButton(number: number): Locator {
    return this.row(number).getByRole('button', {
      name: new RegExp(`^\\S+ #${number} `)
    });
  }

  /**
   * Click one of the small buttons of a row.
   *
   * @param number - The number of its execution.
   * @param label - What it does.
   */
  async act(number: number, label: string): Promise<void> {
    // The pointer shows the buttons of the row below it, and rows may move away from there.
    await expect(async () => {
      await this.row(number).hover();
      await this.row(number)
        .getByRole('button', { name: `${label}: #${number}` })
        .click({ timeout: 5000 });
    }).toPass();
  }

  /**
   * Choose an entry of a row's menu.
   *
   * @param number - The number of its execution.
   * @param label - The entry.
   */
  async choose(number: number, label: string): Promise<void> {
    await this.row(number).click({ button: 'right' });
    await this.page
      .getByRole('menu')
      .getByRole('menuitem', { name: label, exact: true })
      .click();
  }

  /**
   * Wait until a row says a status.
   *
   * @param number - The number of its execution.
   * @param status - The word a screen reader reads.
   */
  async expectStatus(
    number: number,
    status: 'Queued' | 'Running' | 'Succeeded' | 'Failed' | 'Cancelled'
  ): Promise<void> {
    await expect(
      this.row(number).getByText(status, { exact: true })
    ).toBeAttached({ timeout: 30_000 });
  }

  // ---------------------------------------------------------------- notices

  /** The toasts of ours that are on the screen. */
  get toasts(): Locator {
    return this.page
      .getByRole('alert')
      .filter({ hasText: /#\d+ (succeeded|failed|cancelled)|(are|is) over/ });
  }

  /**
   * Get the toast about one execution.
   *
   * @param number - Its number.
   */
  toast(number: number): Locator {
    return this.toasts.filter({ hasText: new RegExp(`#${number}(?!\\d)`) });
  }

  // ----------------------------------------------------------------- result

  /** The receipt on top of the result in front. */
  get receipt(): Locator {
    return this.page.getByRole('region', { name: 'Receipt' });
  }

  /** The notebook in front: what lies below receipt and toolbar. */
  get cells(): Locator {
    return this.page.locator('.jp-Notebook:visible .jp-Cell');
  }

  /**
   * Get the tab of a result.
   *
   * @param execution - Its execution.
   */
  resultTab({ number }: { number: number }): Locator {
    return this.page
      .locator('#jp-main-dock-panel')
      .getByRole('tab', { name: new RegExp(`^#${number} `) });
  }

  // ------------------------------------------------------------------- form

  /** The form. */
  get form(): Locator {
    return this.page.getByRole('dialog');
  }

  /** Open the form of the notebook in front. */
  async openForm(): Promise<void> {
    await this.moreButton.click();
    await this.page
      .getByRole('menuitem', { name: 'Run with Parameters…' })
      .click();
    await expect(this.form).toBeVisible();
  }

  /** The button that sends the form. */
  get formButton(): Locator {
    return this.form.getByRole('button', {
      name: 'Run as experiment',
      exact: true
    });
  }

  // ----------------------------------------------------------------- editor

  /** The editor of the first code cell of the notebook in front. */
  get editor(): Locator {
    return this.page
      .locator('.jp-Notebook:visible .jp-CodeCell')
      .first()
      .getByRole('textbox');
  }
}
