/** Completion and inspection: magics first, then the TypeScript service; they answer while a cell runs. */
import type { CompletionItem, Completions, Inspection } from '../contracts/language-service.ts';
import type { Magic, MagicRegistry } from '../contracts/magics.ts';
import type { PythonHost } from '../contracts/python.ts';
import type { RuntimeHost } from '../contracts/runtime-host.ts';
import type {
  CompleteReply,
  CompleteRequest,
  InspectReply,
  InspectRequest,
  IsCompleteReply,
} from '../wire/messages.ts';
import { codePointOffset, utf16Offset } from './cursor.ts';
import type { TypeChecks } from './type-checks.ts';
import { cellMagicHead, magicName } from '../contracts/magic-syntax.ts';

/** The current value is a bonus: the tooltip does not wait longer than this for a busy runtime process, and for an idle one. */
const BUSY_TIMEOUT_MS = 150;
const VALUE_TIMEOUT_MS = 2_000;

export class Assistance {
  readonly #magics: () => Promise<MagicRegistry>;
  readonly #typeChecks: TypeChecks;
  readonly #runtimeHost: RuntimeHost;
  readonly #python: () => PythonHost | undefined;

  constructor(options: {
    magics: () => Promise<MagicRegistry>;
    typeChecks: TypeChecks;
    runtimeHost: RuntimeHost;
    /** Undefined until a cell has used it. */
    python: () => PythonHost | undefined;
  }) {
    this.#magics = options.magics;
    this.#typeChecks = options.typeChecks;
    this.#runtimeHost = options.runtimeHost;
    this.#python = options.python;
  }

  /** Undefined where it is not for Python to say. */
  async isComplete(code: string): Promise<IsCompleteReply | undefined> {
    const cell = pythonCell(code);
    // A cell magic's body ends with an empty line, unless a kernel of its language answers.
    return cell && /\n[ \t]*\n?$/.test(code)
      ? ((await this.#python()?.ask('is_complete_request', { code: cell.body })) as
          | IsCompleteReply
          | undefined)
      : undefined;
  }

  async complete(request: CompleteRequest): Promise<CompleteReply> {
    const { code } = request;
    const cursor = utf16Offset(code, request.cursor_pos);
    const cell = pythonCell(code);
    if (cell && cursor >= cell.start) return await this.#completePython(cell, request.cursor_pos);
    const found = (await this.#magics()).complete(code, cursor) ?? (await this.#completeCode(code, cursor));
    const start = codePointOffset(code, found.start);
    const end = codePointOffset(code, found.end);
    return {
      status: 'ok',
      matches: found.items.map(({ text }) => text),
      cursor_start: start,
      cursor_end: end,
      metadata: {
        _jupyter_types_experimental: found.items.map((item: CompletionItem) => ({
          text: item.text,
          type: item.type,
          start,
          end,
          ...(item.signature === undefined ? {} : { signature: item.signature }),
        })),
      },
    };
  }

  /** Python's completions for a body; positions count from the cell's start. */
  async #completePython(cell: PythonBody, cursor: number): Promise<CompleteReply> {
    const reply = await this.#python()?.ask('complete_request', {
      code: cell.body,
      cursor_pos: cursor - cell.before,
    });
    if (reply?.['status'] !== 'ok') {
      return { status: 'ok', matches: [], cursor_start: cursor, cursor_end: cursor, metadata: {} };
    }
    const { matches, cursor_start: start, cursor_end: end, metadata } = reply as unknown as CompleteReply;
    const types = metadata['_jupyter_types_experimental'];
    return {
      status: 'ok',
      matches,
      cursor_start: start + cell.before,
      cursor_end: end + cell.before,
      metadata: {
        ...metadata,
        ...(Array.isArray(types)
          ? {
              _jupyter_types_experimental: types.map((type: { start: number; end: number }) => ({
                ...type,
                start: type.start + cell.before,
                end: type.end + cell.before,
              })),
            }
          : {}),
      },
    };
  }

  async #completeCode(code: string, cursor: number): Promise<Completions> {
    await this.#typeChecks.start();
    return await (await this.#typeChecks.service()).complete(code, cursor);
  }

  /** Level 0: signature, documentation's first paragraph, current value. Level 1: all of the documentation. */
  async inspect(request: InspectRequest): Promise<InspectReply> {
    const { code } = request;
    const cursor = utf16Offset(code, request.cursor_pos);
    const cell = pythonCell(code);
    if (cell && cursor >= cell.start) {
      const reply = await this.#python()?.ask('inspect_request', {
        code: cell.body,
        cursor_pos: request.cursor_pos - cell.before,
        detail_level: request.detail_level,
      });
      return reply?.['status'] === 'ok'
        ? (reply as unknown as InspectReply)
        : { status: 'ok', found: false, data: {}, metadata: {} };
    }
    const magic = magicAt(code, cursor, await this.#magics());
    if (magic) return reply(magic.usage, `\`\`\`\n${magic.usage}\n\`\`\`\n${magic.summary}`, magic.summary);
    await this.#typeChecks.start();
    const inspection = await (await this.#typeChecks.service()).inspect(code, cursor);
    if (!inspection) return { status: 'ok', found: false, data: {}, metadata: {} };
    const value = await this.#currentValue(inspection);
    const short = request.detail_level === 0;
    // In plain text the documentation follows the signature without a blank line.
    const [firstParagraph = ''] = inspection.text.split('\n\n', 1);
    const text = short ? firstParagraph : inspection.text;
    const markdown = short ? firstParagraphs(inspection.markdown) : inspection.markdown;
    const suffix = value === undefined ? undefined : `value: ${value}`;
    return reply(
      suffix === undefined ? text : `${text}\n\n${suffix}`,
      suffix === undefined ? markdown : `${markdown}\n\nvalue:\n\`\`\`\n${value}\n\`\`\``,
    );
  }

  async #currentValue({ path }: Inspection): Promise<string | undefined> {
    if (path === undefined) return undefined;
    try {
      return (
        await this.#runtimeHost.inspect(path, this.#runtimeHost.busy ? BUSY_TIMEOUT_MS : VALUE_TIMEOUT_MS)
      )?.summary;
    } catch {
      return undefined;
    }
  }
}

/** The body of a `%%python` cell. */
interface PythonBody {
  body: string;
  /** Where it starts, in UTF-16 code units and in code points. */
  start: number;
  before: number;
}

function pythonCell(code: string): PythonBody | undefined {
  const head = cellMagicHead(code);
  if (head?.name !== 'python' || code[head.length - 1] !== '\n') return undefined;
  return { body: code.slice(head.length), start: head.length, before: codePointOffset(code, head.length) };
}

function reply(text: string, markdown: string, more?: string): InspectReply {
  return {
    status: 'ok',
    found: true,
    data: { 'text/plain': more === undefined ? text : `${text}\n${more}`, 'text/markdown': markdown },
    metadata: {},
  };
}

/** Signature and the first paragraph below it; fenced code is never cut. */
function firstParagraphs(text: string): string {
  const blocks: string[] = [];
  let fenced = false;
  for (const block of text.split('\n\n')) {
    if (fenced) blocks[blocks.length - 1] += `\n\n${block}`;
    else blocks.push(block);
    if ((block.match(/^```/gm) ?? []).length % 2 === 1) fenced = !fenced;
  }
  return blocks.slice(0, 2).join('\n\n');
}

/** The magic whose line the cursor is in. */
function magicAt(code: string, cursor: number, registry: MagicRegistry): Magic | undefined {
  const start = code.lastIndexOf('\n', cursor - 1) + 1;
  const name = magicName(code.slice(start).split('\n', 1)[0] ?? '');
  return name === undefined ? undefined : registry.get(name);
}
