/** Completion and inspection: magics first, then the TypeScript service; they answer while a cell runs. */
import type {
  CompletionItem,
  Completions,
  Inspection,
  Magic,
  MagicRegistry,
  RuntimeHost,
} from '../interfaces.ts';
import type { CompleteReply, CompleteRequest, InspectReply, InspectRequest } from '../wire/messages.ts';
import { codePointOffset, utf16Offset } from './cursor.ts';
import type { TypeChecks } from './type-checks.ts';

/** The current value is a bonus: the tooltip does not wait longer than this for a busy runtime, and for an idle one. */
const BUSY_TIMEOUT_MS = 150;
const VALUE_TIMEOUT_MS = 2_000;

export class Assistance {
  readonly #magics: () => Promise<MagicRegistry>;
  readonly #typeChecks: TypeChecks;
  readonly #host: RuntimeHost;

  constructor(options: { magics: () => Promise<MagicRegistry>; typeChecks: TypeChecks; host: RuntimeHost }) {
    this.#magics = options.magics;
    this.#typeChecks = options.typeChecks;
    this.#host = options.host;
  }

  async complete(request: CompleteRequest): Promise<CompleteReply> {
    const { code } = request;
    const cursor = utf16Offset(code, request.cursor_pos);
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

  async #completeCode(code: string, cursor: number): Promise<Completions> {
    await this.#typeChecks.start();
    return await (await this.#typeChecks.service()).complete(code, cursor);
  }

  /** Level 0: signature, documentation's first paragraph, current value. Level 1: all of the documentation. */
  async inspect(request: InspectRequest): Promise<InspectReply> {
    const { code } = request;
    const cursor = utf16Offset(code, request.cursor_pos);
    const magic = magicAt(code, cursor, await this.#magics());
    if (magic) return reply(magic.usage, `\`\`\`\n${magic.usage}\n\`\`\`\n${magic.summary}`, magic.summary);
    await this.#typeChecks.start();
    const inspection = await (await this.#typeChecks.service()).inspect(code, cursor);
    if (!inspection) return { status: 'ok', found: false, data: {}, metadata: {} };
    const value = await this.#currentValue(inspection);
    const short = request.detail_level === 0;
    // In plain text the documentation follows the signature without a blank line.
    const text = short ? inspection.text.split('\n\n', 1)[0]! : inspection.text;
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
      return (await this.#host.inspect(path, this.#host.busy ? BUSY_TIMEOUT_MS : VALUE_TIMEOUT_MS))?.summary;
    } catch {
      return undefined;
    }
  }
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
  const name = /^\s*%%?([\w-]+)/.exec(code.slice(start).split('\n', 1)[0]!)?.[1];
  return name === undefined ? undefined : registry.get(name);
}
