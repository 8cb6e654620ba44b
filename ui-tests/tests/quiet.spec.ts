import { expect, test } from './fixtures';
import { notebook, waitFor } from './notebooks';

/** What the page saw while an execution lived. */
interface ISeen {
  /** Changes of the document that nobody is excused for. */
  changes: string[];
  /** What took the focus. */
  focused: string[];
  /** How many toasts came. */
  toasts: number;
}

test('from submit to the end nothing else moves, and one toast comes', async ({
  page,
  executions,
  server,
  gate
}) => {
  const path = await server.write(
    'quiet.ipynb',
    notebook(['print(1)', waitFor('started', gate.path), 'print(3)'])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  // The notebook's own kernel has come up, and JupyterLab has shown that.
  await expect(page.getByText('| Idle')).toBeVisible();
  await executions.editor.click();
  // What moves because the mouse does is not ours.
  await executions.button.hover();
  const title = await page.title();

  await page.evaluate(
    ([panel, button]) => {
      const seen: ISeen = { changes: [], focused: [], toasts: 0 };
      const describe = (node: Node): string => {
        const element = node instanceof Element ? node : node.parentElement;
        const path = [];
        for (let at = element; at && path.length < 4; at = at.parentElement) {
          path.unshift(`${at.tagName}.${at.className}`.slice(0, 60));
        }
        return path.join(' > ');
      };
      const isToastContainer = (node: Node): boolean =>
        node instanceof Element && node.id === 'react-toastify-container';
      const isExcused = (record: MutationRecord): boolean => {
        const { target, addedNodes, removedNodes, attributeName } = record;
        const element =
          target instanceof Element ? target : target.parentElement;
        const isIn = (selector: string): boolean =>
          Boolean(element?.closest(selector));
        return (
          panel?.contains(target) === true ||
          button?.contains(target) === true ||
          // The toast; JupyterLab adds the container with the first one.
          isIn('#react-toastify-container') ||
          (target === document.body &&
            [...addedNodes, ...removedNodes].every(isToastContainer)) ||
          // JupyterLab counts toasts beside its bell.
          isIn('.jp-Notification-Status') ||
          // Nothing to be seen: JupyterLab's panels that are not in front (the
          // debugger's buttons), the code and style of the first toast, and the
          // title, which JupyterLab sets to what it was.
          Boolean(element?.parentElement?.closest('.lm-mod-hidden')) ||
          isIn('head') ||
          // A toolbar of JupyterLab makes the button that was clicked, whichever
          // it is, the one that Tab stops at.
          (attributeName === 'tabindex' && isIn('.jp-Toolbar'))
        );
      };
      new MutationObserver(records => {
        for (const record of records) {
          if (!isExcused(record)) {
            const { target, type, attributeName } = record;
            seen.changes.push(`${describe(target)}: ${attributeName ?? type}`);
          }
          seen.toasts += Array.from(record.addedNodes).filter(
            node =>
              node instanceof Element &&
              (node.matches('.Toastify__toast') ||
                node.querySelector('.Toastify__toast') !== null)
          ).length;
        }
      }).observe(document, {
        subtree: true,
        childList: true,
        attributes: true,
        characterData: true
      });
      document.addEventListener(
        'focusin',
        event => seen.focused.push(describe(event.target as Node)),
        true
      );
      Object.assign(window, { seen });
    },
    [
      await executions.panel.elementHandle(),
      await executions.button.locator('xpath=..').elementHandle()
    ] as const
  );

  const { number } = await executions.submit();
  await executions.expectStatus(number, 'Running');
  gate.open();
  await executions.expectStatus(number, 'Succeeded');
  await expect(executions.toast(number)).toBeVisible();
  // The toast is the last that comes: the button has calmed down by then too.
  await expect(executions.button).toContainText('Experiment');

  const seen = (await page.evaluate('window.seen')) as ISeen;
  expect(seen).toEqual({ changes: [], focused: [], toasts: 1 });
  expect(await page.title()).toBe(title);
});
