import { shownPath } from '../../../runtime/shown-path.ts';

test.each([
  ['/home/ann/book/lib/a.ts', 'lib/a.ts'],
  ['/home/ann/book', '.'],
  ['/home/ann/other/b.ts', '~/other/b.ts'],
  ['/home/anna/c.ts', '/home/anna/c.ts'],
  ['/opt/d.ts', '/opt/d.ts'],
])('%s is shown as %s', (path, shown) => {
  expect(shownPath(path, '/home/ann/book', '/home/ann')).toBe(shown);
});
