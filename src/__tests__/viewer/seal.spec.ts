import { disarm } from '../../disarm';
import { isSealed } from '../../viewer/seal';

describe('isSealed', () => {
  it('knows the cells of a result, with and without parameters', () => {
    expect(isSealed(['cell-0', 'cell-1', 'cell-2'])).toBe(true);
    expect(isSealed(['cell-0', 'injected-5c1c0292', 'cell-1'])).toBe(true);
    expect(isSealed(['cell-0', 'injected-5c1c0292', 'cell-2'])).toBe(true);
    expect(isSealed([])).toBe(true);
  });

  it('notices an inserted, a moved and a removed cell', () => {
    expect(isSealed(['cell-0', 'b1946ac9', 'cell-1'])).toBe(false);
    expect(isSealed(['cell-1', 'cell-0'])).toBe(false);
    expect(isSealed(['cell-0', 'cell-2'])).toBe(false);
  });
});

describe('disarm', () => {
  it('lets clicks through, but for those that would run a command', () => {
    const node = document.createElement('div');
    node.innerHTML =
      '<a id="plain"></a><p data-commandlinker-command="x"><b id="armed"></b></p>';
    document.body.appendChild(node);
    const heard: string[] = [];
    const listen = ({ target }: Event): void =>
      void heard.push((target as Element).id);
    document.body.addEventListener('click', listen);

    disarm(node);
    node.querySelector<HTMLElement>('#plain')?.click();
    node.querySelector<HTMLElement>('#armed')?.click();

    expect(heard).toEqual(['plain']);
    document.body.removeEventListener('click', listen);
    node.remove();
  });
});
