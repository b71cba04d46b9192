import { installNotebookHost } from '../../../src/base/host.ts';
import { clearOutput, display, isDisplayHandle } from '../../../src/display/index.ts';
import * as tslab from '../../../src/display/tslab.ts';
import { recordingHost } from '../recording-host.ts';

const notebook = recordingHost();
beforeEach(() => {
  installNotebookHost(notebook.host);
  notebook.shown.length = 0;
});
afterAll(() => {
  installNotebookHost(undefined);
});

test('every display has a handle that replaces or empties it', () => {
  const handle = display({ a: 1 });
  handle.update.html('<b>x</b>');
  handle.update([1]);
  handle.clear();
  expect(isDisplayHandle(handle)).toBe(true);
  expect(isDisplayHandle({ ...handle })).toBe(false);
  const rest = { metadata: {}, displayId: handle.id };
  expect(notebook.shown).toEqual([
    { data: { 'text/plain': '{ a: 1 }' }, ...rest, update: false },
    { data: { 'text/plain': '<b>x</b>', 'text/html': '<b>x</b>' }, ...rest, update: true },
    { data: { 'text/plain': '[ 1 ]' }, ...rest, update: true },
    { data: { 'text/plain': '' }, ...rest, update: true },
  ]);
});

test('each form has its MIME type', () => {
  display.svg('<svg/>');
  display.png(new Uint8Array([1]));
  display.jpeg('AQ==');
  display.markdown('# x');
  display.latex('$x$');
  display.json({ a: [1], skipped: undefined });
  display.vegaLite({ mark: 'bar' });
  display.mime({ 'application/x': new Uint8Array([255]) }, { isolated: true });
  expect(notebook.shown.map(({ data, metadata }) => ({ data, metadata }))).toEqual([
    { data: { 'text/plain': '<image/svg+xml>', 'image/svg+xml': '<svg/>' }, metadata: {} },
    { data: { 'text/plain': '<image/png>', 'image/png': 'AQ==' }, metadata: {} },
    { data: { 'text/plain': '<image/jpeg>', 'image/jpeg': 'AQ==' }, metadata: {} },
    { data: { 'text/plain': '# x', 'text/markdown': '# x' }, metadata: {} },
    { data: { 'text/plain': '$x$', 'text/latex': '$x$' }, metadata: {} },
    { data: { 'text/plain': '{\n  "a": [\n    1\n  ]\n}', 'application/json': { a: [1] } }, metadata: {} },
    {
      data: { 'text/plain': 'Vega-Lite chart', 'application/vnd.vegalite.v5+json': { mark: 'bar' } },
      metadata: {},
    },
    { data: { 'application/x': '/w==' }, metadata: { isolated: true } },
  ]);
});

test('a value that takes its time is shown when it is ready', async () => {
  const handle = display({ [Symbol.for('Jupyter.display')]: async () => ({ 'text/plain': 'slow' }) });
  expect(notebook.shown).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(notebook.shown).toEqual([
    { data: { 'text/plain': 'slow' }, metadata: {}, displayId: handle.id, update: false },
  ]);
});

test('clearOutput asks the notebook', () => {
  display(1);
  clearOutput();
  expect(notebook.shown).toEqual([]);
});

test('in plain Node the text is printed', () => {
  installNotebookHost(undefined);
  const write = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    display({ a: 1 });
    display.png(new Uint8Array([1]));
    expect(write.mock.calls).toEqual([['{ a: 1 }\n'], ['<image/png>\n']]);
  } finally {
    write.mockRestore();
  }
});

test("tslab's display adds outputs, its newDisplay replaces its own", () => {
  tslab.display.html('<i>1</i>');
  const place = tslab.newDisplay();
  place.text('a');
  place.png(new Uint8Array([1]));
  const [first, second, third] = notebook.shown;
  expect(first).toEqual({ data: { 'text/html': '<i>1</i>' }, metadata: {}, update: false });
  expect(second).toEqual({
    data: { 'text/plain': 'a' },
    metadata: {},
    displayId: expect.any(String) as string,
    update: false,
  });
  expect(third).toEqual({
    data: { 'text/plain': '<image/png>', 'image/png': 'AQ==' },
    metadata: {},
    displayId: second?.displayId,
    update: true,
  });
});
