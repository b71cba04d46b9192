export interface LineLook {
  colour: string;
  /** Pixels. */
  width: number;
  opacity?: number;
  /** Pixels drawn, pixels left out. */
  dash?: readonly [number, number];
}

export interface TextLook {
  colour: string;
  anchor?: 'start' | 'middle' | 'end';
  /** Pixels; 11 by default. */
  size?: number;
  bold?: boolean;
  /** Turned by a quarter, to be read from the bottom up: for the vertical axis. */
  upwards?: boolean;
}

export const TEXT_SIZE = 11;

/** A chart is drawn with a pen: one draws SVG, another pixels. Places are pixels from the upper left. */
export interface Pen {
  line(points: readonly (readonly [x: number, y: number])[], look: LineLook): void;
  rect(x: number, y: number, width: number, height: number, colour: string): void;
  circle(x: number, y: number, radius: number, colour: string): void;
  text(x: number, y: number, text: string, look: TextLook): void;
}
