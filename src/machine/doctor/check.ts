import type { DoctorContext } from './context.ts';
import type { Outcome } from './finding.ts';

export interface Check {
  code: string;
  look(context: DoctorContext): Outcome | undefined | Promise<Outcome | undefined>;
}

export const isWsl = ({ inventory }: DoctorContext): boolean => inventory.system.kind !== 'linux';

/** The driver's own update path: inside WSL it is the Windows driver that counts. */
export const updateDriver = (context: DoctorContext): string =>
  isWsl(context)
    ? 'install the current NVIDIA driver on Windows, then: wsl --shutdown'
    : "update the NVIDIA driver with the distribution's package manager";
