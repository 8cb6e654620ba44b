import { scrollTopFor, visibleRows } from '../../sidebar/window';

const frame = { scrollTop: 0, height: 440, rowHeight: 44, count: 100_000 };

describe('visibleRows', () => {
  it('draws a screenful and a few more of very many', () => {
    expect(visibleRows(frame)).toEqual({ first: 0, end: 16 });
  });

  it('moves with the scroll position', () => {
    const { first, end } = visibleRows({ ...frame, scrollTop: 44 * 5000 });

    expect([first, end]).toEqual([4994, 5016]);
  });

  it('stops at the end', () => {
    expect(visibleRows({ ...frame, scrollTop: 44 * 99_990 }).end).toBe(100_000);
  });

  it('draws nothing of nothing', () => {
    expect(visibleRows({ ...frame, count: 0 })).toEqual({ first: 0, end: 0 });
  });

  it('stays in range when the list shrank under a scrolled frame', () => {
    const { first, end } = visibleRows({ ...frame, scrollTop: 9999, count: 3 });

    expect(first).toBeLessThanOrEqual(3);
    expect(end).toBe(3);
  });
});

describe('scrollTopFor', () => {
  it('stays where it is when the row shows', () => {
    expect(scrollTopFor(3, frame)).toBe(0);
  });

  it('scrolls just far enough down', () => {
    expect(scrollTopFor(10, frame)).toBe(44);
  });

  it('scrolls just far enough up', () => {
    expect(scrollTopFor(2, { ...frame, scrollTop: 440 })).toBe(88);
  });
});
