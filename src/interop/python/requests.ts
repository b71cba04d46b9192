/** The requests of the library to the kernel process, which owns Python, and the answers. */

export type PythonRequest =
  | { what: 'run'; code: string }
  /** An operation of bridge/tensorcell_bridge.py. */
  | { what: 'ask'; op: string; argument: unknown }
  /** Starts it if need be. */
  | { what: 'process' }
  | { what: 'status' }
  /** Of a Python that runs: PythonDevices, 'busy', or undefined. */
  | { what: 'devices' }
  | { what: 'use'; path: string }
  | { what: 'restart' }
  | { what: 'environments' };

/** The process that runs, as it said itself. */
export interface PythonProcessDescription {
  pid: number;
  executable: string;
  /** `3.11.2`. */
  version: string;
}

export interface PythonStatus {
  /** The environment for what comes next; undefined while none was chosen or needed. */
  executable: string | undefined;
  /** The processes that run, one for each environment that was used. */
  processes: (PythonProcessDescription & { busy: boolean; current: boolean })[];
}
