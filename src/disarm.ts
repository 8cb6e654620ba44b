/** Outputs are shown; they do nothing. */

/**
 * Let nothing that an output shows run a command of JupyterLab.
 *
 * #### Notes
 * JupyterLab's sanitiser lets `data-commandlinker-command` through, so that a
 * click on what looks like a link of the notebook could do anything the
 * person can do here.
 *
 * @param node - Holds the outputs.
 */
export function disarm(node: HTMLElement): void {
  const armed = '[data-commandlinker-command]';
  node.addEventListener(
    'click',
    event => {
      if (event.target instanceof Element && event.target.closest(armed)) {
        event.preventDefault();
        event.stopPropagation();
      }
    },
    // Before JupyterLab, which listens at the body.
    true
  );
}
