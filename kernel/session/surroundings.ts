/** Folder, environment and settings of the session: what cells and magics change, and a fresh runtime process has to get again. */
import type { LanguageService } from '../contracts/language-service.ts';
import type { Settings } from '../contracts/magics.ts';
import type { MainMessage, SurroundingsChange } from '../contracts/messages.ts';

export class Surroundings {
  readonly settings: Settings = { typecheck: 'warn' };
  readonly #changed = new Map<string, string | undefined>();
  readonly #send: (message: MainMessage) => void;
  readonly #language: () => Promise<LanguageService>;
  #environment: Record<string, string | undefined>;
  #directory: string;
  readonly #initialDirectory: string;

  constructor(options: {
    directory: string;
    environment: Readonly<Record<string, string | undefined>>;
    send: (message: MainMessage) => void;
    language: () => Promise<LanguageService>;
  }) {
    this.#initialDirectory = this.#directory = options.directory;
    this.#environment = { ...options.environment };
    this.#send = options.send;
    this.#language = options.language;
  }

  get directory(): string {
    return this.#directory;
  }

  get environment(): Readonly<Record<string, string | undefined>> {
    return this.#environment;
  }

  setDirectory(path: string): void {
    this.#directory = path;
    this.#send({ type: 'directory', path });
    void this.#language().then((language) => language.setDirectory(path));
  }

  setEnvironment(name: string, value: string | undefined): void {
    this.#note(name, value);
    this.#send({ type: 'environment', name, value });
  }

  /** Adopts changes that cells (`runtime`) or Python have made; the other one is told. */
  adopt({ directory, environment = {} }: SurroundingsChange, from: 'runtime' | 'python'): void {
    if (directory !== undefined && directory !== this.#directory) {
      this.#directory = directory;
      if (from === 'python') this.#send({ type: 'directory', path: directory });
      void this.#language().then((language) => language.setDirectory(directory));
    }
    for (const [name, given] of Object.entries(environment)) {
      const value = given ?? undefined;
      if (this.#environment[name] === value) continue;
      this.#note(name, value);
      if (from === 'python') this.#send({ type: 'environment', name, value });
    }
  }

  #note(name: string, value: string | undefined): void {
    this.#environment = { ...this.#environment, [name]: value };
    if (value === undefined) delete this.#environment[name];
    this.#changed.set(name, value);
  }

  /** Tells a fresh runtime process what has changed since the session began. */
  repeat(): void {
    if (this.#directory !== this.#initialDirectory) this.#send({ type: 'directory', path: this.#directory });
    for (const [name, value] of this.#changed) this.#send({ type: 'environment', name, value });
  }
}
